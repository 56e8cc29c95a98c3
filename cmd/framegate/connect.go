package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

type connectCommand struct {
	URL         target        `arg:"" help:"The WebSocket: ws://, wss://, http:// or https:// with host, port and path."`
	Header      []header      `short:"H" sep:"none" placeholder:"'NAME: VALUE'" help:"A header of the upgrade request; repeatable."`
	Subprotocol []string      `placeholder:"NAME" help:"A subprotocol to offer, best first; repeatable."`
	Insecure    bool          `help:"Take any TLS certificate."`
	Message     []string      `short:"m" sep:"none" placeholder:"TEXT" help:"Send this text message first; repeatable."`
	Wait        int           `placeholder:"N" help:"Leave after N messages were received; it is a failure when they do not come."`
	For         time.Duration `placeholder:"DURATION" help:"Leave after this time, 10s for instance."`
}

func (connectCommand) Help() string {
	return `
Lines from the terminal or a pipe are sent as text messages. Received messages go to standard output, one line each after
"< "; everything else goes to standard error. A line that begins with a slash is a command:

    /ping [DATA]             send a ping; the time until its pong is printed
    /binary HEX              send a binary message, /binary 00ff10
    /file PATH               send a file in one message: text if it is UTF-8, else binary
    /close [CODE] [REASON]   close, with 1000 if no code is given
    /help                    print this list
    //TEXT                   send the text /TEXT

With --message and --wait or --for nothing is read from standard input. At the end of a pipe connect stays until the server
closes, or --wait or --for is over; the end of a terminal's input (Ctrl-D) closes with 1000.

Exit code 0: it left as asked, or the server closed with 1000, 1001 or no code before --wait was due. 1: no connection, the
upgrade was refused (status, headers and the whole body are printed), the connection was lost, another close code, or too few
replies for --wait. 2: the command line is wrong.

    framegate connect ws://127.0.0.1:8080/chat -H 'X-API-Key: secret'
    framegate connect ws://127.0.0.1:8080/chat -m hello --wait 1 --for 5s
    printf 'one\n/ping\n/close 4000 done\n' | framegate connect wss://gateway.example.test/chat`
}

// Validate is called by kong once all flags are known.
func (c *connectCommand) Validate() error {
	if c.Wait < 0 || c.For < 0 {
		return errors.New("--wait and --for cannot be negative")
	}
	return nil
}

// Run holds one conversation.
func (c *connectCommand) Run(ctx context.Context, std stdio) error {
	conn, err := upgrade(ctx, c.URL, c.Header, c.Subprotocol, c.Insecure)
	if refused, ok := errors.AsType[*refusal](err); ok {
		refused.print(std.err)
		return refused
	}
	if err != nil {
		return err
	}
	t := newTalk(conn, std)
	t.note("connected%s", subprotocolNote(conn.Subprotocol()))
	return t.run(ctx, outgoing{messages: c.Message, stdin: len(c.Message) == 0 || c.Wait == 0 && c.For == 0}, c.Wait, c.For)
}

func subprotocolNote(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(", subprotocol %s", printable(name))
}
