package console

import (
	"embed"
	"path"

	"github.com/valyala/fasthttp"
)

// The page is the files of web as they stand: no build, nothing from elsewhere.
//
//go:embed web
var web embed.FS

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// page answers with a file of the page.
func page(ctx *fasthttp.RequestCtx, name string) error {
	if name == "/" {
		name = "/index.html"
	}
	text, err := web.ReadFile("web" + name)
	if err != nil {
		return refuse(fasthttp.StatusNotFound, "there is no %s; the console is at /, its API at /api/v1/gateway", name)
	}
	if !ctx.IsGet() && !ctx.IsHead() {
		return &refusal{fasthttp.StatusMethodNotAllowed, name + " is a page", "GET, HEAD"}
	}
	ctx.SetContentType(contentTypes[path.Ext(name)])
	ctx.SetBody(text)
	return nil
}
