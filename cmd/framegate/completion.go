package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

func (completionCommand) Help() string {
	return `
The script completes commands, flags and the values that flags choose from.

    source <(framegate completion bash)                                      # bash, this session
    framegate completion zsh > "${fpath[1]}/_framegate"                      # zsh, for good
    framegate completion fish > ~/.config/fish/completions/framegate.fish    # fish, for good`
}

// Run prints the script, made from the same model that parses the command line.
func (c completionCommand) Run(std stdio, model *kong.Application) error {
	var b strings.Builder
	switch c.Shell {
	case "bash":
		bashCompletion(&b, model)
	case "zsh":
		zshCompletion(&b, model)
	case "fish":
		fishCompletion(&b, model)
	}
	_, err := io.WriteString(std.out, b.String())
	return err
}

// shown are the commands that help and completion name.
func shown(model *kong.Application) (commands []*kong.Command) {
	for _, c := range model.Children {
		if !c.Hidden {
			commands = append(commands, c)
		}
	}
	return commands
}

// flagsOf are the flags that may follow a command, those of the program itself included.
func flagsOf(n *kong.Node) (flags []*kong.Flag) {
	for _, group := range n.AllFlags(true) {
		flags = append(flags, group...)
	}
	return flags
}

// spellings are the words for a flag: --name, its short form, and --no-name for a negatable one.
func spellings(f *kong.Flag) []string {
	words := []string{"--" + f.Name}
	if f.Short != 0 {
		words = append(words, "-"+string(f.Short))
	}
	if f.Tag.Negatable != "" {
		words = append(words, "--no-"+f.Name)
	}
	return words
}

// choices are the values that a flag or argument can have, where it has such a list.
func choices(v *kong.Value) (values []string) {
	if v.Enum == "" {
		return nil
	}
	for _, value := range v.EnumSlice() {
		if value != "" {
			values = append(values, value)
		}
	}
	return values
}

func argumentChoices(n *kong.Node) (values []string) {
	for _, argument := range n.Positional {
		values = append(values, choices(argument)...)
	}
	return values
}

func bashCompletion(b *strings.Builder, model *kong.Application) {
	var names, values, words strings.Builder
	for _, c := range shown(model) {
		names.WriteString(" " + c.Name)
		all := argumentChoices(c)
		for _, f := range flagsOf(c) {
			all = append(all, spellings(f)...)
			if list := choices(f.Value); list != nil {
				for _, spelling := range spellings(f) {
					fmt.Fprintf(&values, "\t%s:%s) words='%s' ;;\n", c.Name, spelling, strings.Join(list, " "))
				}
			} else if !f.IsBool() {
				for _, spelling := range spellings(f) {
					fmt.Fprintf(&values, "\t%s:%s) return ;;\n", c.Name, spelling)
				}
			}
		}
		fmt.Fprintf(&words, "\t%s:*) words='%s' ;;\n", c.Name, strings.Join(all, " "))
	}
	fmt.Fprintf(b, `# bash completion for framegate
_framegate() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words=
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}
	COMPREPLY=()
	case $command:$prev in
	:*) words='%s --help' ;;
%s%s	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _framegate framegate
`, strings.TrimSpace(names.String()), values.String(), words.String())
}

func zshCompletion(b *strings.Builder, model *kong.Application) {
	b.WriteString("#compdef framegate\n_framegate() {\n\tlocal -a commands=(\n")
	for _, c := range shown(model) {
		fmt.Fprintf(b, "\t\t%s\n", quoted(c.Name+":"+c.Help))
	}
	b.WriteString("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n" +
		"\tlocal command=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $command in\n")
	for _, c := range shown(model) {
		fmt.Fprintf(b, "\t%s)\n\t\t_arguments", c.Name)
		for _, f := range flagsOf(c) {
			for _, spelling := range spellings(f) {
				fmt.Fprintf(b, " \\\n\t\t\t%s", quoted(zshFlag(f, spelling)))
			}
		}
		for i, argument := range c.Positional {
			fmt.Fprintf(b, " \\\n\t\t\t%s", quoted(fmt.Sprintf("%d:%s:%s", i+1, argument.Name, zshValues(argument))))
		}
		b.WriteString("\n\t\t;;\n")
	}
	b.WriteString("\tesac\n}\nif [[ $funcstack[1] == _framegate ]]; then\n\t_framegate \"$@\"\nelse\n\tcompdef _framegate framegate\nfi\n")
}

// zshFlag is the specification of one spelling of a flag as _arguments of zsh wants it.
func zshFlag(f *kong.Flag, spelling string) string {
	help := strings.NewReplacer("[", "(", "]", ")", ":", " ").Replace(f.Help)
	spec := spelling + "[" + help + "]"
	if f.IsCumulative() {
		spec = "*" + spec
	}
	if f.IsBool() {
		return spec
	}
	return spec + ":" + f.Name + ":" + zshValues(f.Value)
}

func zshValues(v *kong.Value) string {
	if list := choices(v); list != nil {
		return "(" + strings.Join(list, " ") + ")"
	}
	return "_files"
}

func fishCompletion(b *strings.Builder, model *kong.Application) {
	b.WriteString("# fish completion for framegate\n")
	for _, c := range shown(model) {
		fmt.Fprintf(b, "complete -c framegate -n __fish_use_subcommand -f -a %s -d %s\n", c.Name, quoted(c.Help))
	}
	for _, c := range shown(model) {
		seen := fmt.Sprintf("complete -c framegate -n '__fish_seen_subcommand_from %s'", c.Name)
		for _, f := range flagsOf(c) {
			fmt.Fprintf(b, "%s -l %s", seen, f.Name)
			if f.Short != 0 {
				fmt.Fprintf(b, " -s %c", f.Short)
			}
			if list := choices(f.Value); list != nil {
				fmt.Fprintf(b, " -x -a %s", quoted(strings.Join(list, " ")))
			} else if !f.IsBool() {
				b.WriteString(" -r")
			}
			fmt.Fprintf(b, " -d %s\n", quoted(f.Help))
			if f.Tag.Negatable != "" {
				fmt.Fprintf(b, "%s -l no-%s\n", seen, f.Name)
			}
		}
		if values := argumentChoices(c); values != nil {
			fmt.Fprintf(b, "%s -f -a %s\n", seen, quoted(strings.Join(values, " ")))
		}
	}
}

// quoted puts s between single quotes as all three shells read them.
func quoted(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
