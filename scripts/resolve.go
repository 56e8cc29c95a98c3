package scripts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	esbuild "github.com/evanw/esbuild/pkg/api"
)

// resolver finds and reads what a script imports: files of the gateway's directory and the packages in its
// node_modules, and nothing else. No path and no symbolic link leads out of the directory.
type resolver struct {
	files   fs.FS
	src     *Source
	bundle  *bundle
	classic bool // the script exports nothing; its function is exported for it
}

// setup hooks the resolver into the bundler, which never reads a file itself.
func (r *resolver) setup(build esbuild.PluginBuild) {
	build.OnResolve(esbuild.OnResolveOptions{Filter: ".*"}, func(args esbuild.OnResolveArgs) (esbuild.OnResolveResult, error) {
		if args.Kind == esbuild.ResolveEntryPoint {
			return esbuild.OnResolveResult{Path: entryPath, Namespace: "framegate"}, nil
		}
		if args.Namespace == "framegate" {
			return esbuild.OnResolveResult{Path: r.bundle.entry, Namespace: gatewaySpace}, nil
		}
		found, pure, err := r.resolve(args.Path, args.Importer, args.Kind == esbuild.ResolveJSRequireCall)
		if err != nil {
			return esbuild.OnResolveResult{Errors: []esbuild.Message{{Text: fmt.Sprintf("cannot import %q: %v", args.Path, plain(err))}}}, nil
		}
		result := esbuild.OnResolveResult{Path: found, Namespace: gatewaySpace}
		if pure {
			result.SideEffects = esbuild.SideEffectsFalse
		}
		return result, nil
	})
	build.OnLoad(esbuild.OnLoadOptions{Filter: ".*", Namespace: "framegate"}, func(esbuild.OnLoadArgs) (esbuild.OnLoadResult, error) {
		name := r.src.function()
		text := fmt.Sprintf("import { %s as f } from %q\n%s(f)", name, r.bundle.entry, exportFunction)
		return esbuild.OnLoadResult{Contents: &text, Loader: esbuild.LoaderJS}, nil
	})
	build.OnLoad(esbuild.OnLoadOptions{Filter: ".*", Namespace: gatewaySpace}, func(args esbuild.OnLoadArgs) (esbuild.OnLoadResult, error) {
		return r.load(args.Path)
	})
}

// load reads one file for the bundler.
func (r *resolver) load(file string) (esbuild.OnLoadResult, error) {
	var text string
	loader := esbuild.LoaderJS
	if r.bundle.inline && file == r.bundle.entry {
		text = strings.Repeat("\n", max(0, r.src.At.Line-1)) + r.src.Text
	} else {
		known := false
		if loader, known = loaderOf(file); !known {
			return esbuild.OnLoadResult{}, fmt.Errorf("%s is no .js, .mjs, .cjs, .ts, .mts, .cts or .json file", file)
		}
		var err error
		if text, err = r.read(file); err != nil {
			return esbuild.OnLoadResult{}, err
		}
	}
	if r.classic && file == r.bundle.entry {
		text += fmt.Sprintf("\nexport { %s };", r.src.function())
	}
	return esbuild.OnLoadResult{Contents: &text, Loader: loader}, nil
}

// resolve finds the file that an import means, and tells whether importing it does nothing by itself.
func (r *resolver) resolve(name, importer string, require bool) (found string, pure bool, err error) {
	if r.bundle.inline && importer == r.bundle.entry {
		importer = "inline" // an inline script imports from the gateway's directory
	}
	switch {
	case strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") || name == "." || name == "..":
		target := path.Join(path.Dir(importer), name)
		if !fs.ValidPath(target) {
			return "", false, errors.New("it lies outside the gateway's directory")
		}
		found, err = r.file(target)
		return found, false, err
	case strings.HasPrefix(name, "/") || strings.Contains(name, ":") || strings.HasPrefix(name, "#"):
		return "", false, errors.New("only files of the gateway's directory (./name.js) and packages of its node_modules can be imported")
	}
	return r.module(name, path.Dir(importer), require)
}

// file finds a file by its name, or by its name without the end.
func (r *resolver) file(target string) (string, error) {
	candidates := []string{target}
	if base, isJS := strings.CutSuffix(target, ".js"); isJS {
		candidates = append(candidates, base+".ts")
	}
	for _, end := range []string{".ts", ".js", ".mjs", ".cjs", ".json", "/index.ts", "/index.js", "/index.mjs", "/index.cjs"} {
		candidates = append(candidates, target+end)
	}
	for _, candidate := range candidates {
		real, err := r.follow(candidate)
		if errors.Is(err, errEscape) {
			return "", err
		}
		if err != nil {
			continue
		}
		if info, err := fs.Stat(r.files, real); err == nil && info.Mode().IsRegular() {
			return real, nil
		}
	}
	return "", fmt.Errorf("there is no file %s", target)
}

// module finds a package, from the importer's directory upwards.
func (r *resolver) module(name, dir string, require bool) (string, bool, error) {
	pkg, sub := name, "."
	cut := strings.IndexByte(name, '/')
	if strings.HasPrefix(name, "@") && cut > 0 {
		if next := strings.IndexByte(name[cut+1:], '/'); next >= 0 {
			cut += 1 + next
		} else {
			cut = -1
		}
	}
	if cut > 0 {
		pkg, sub = name[:cut], "."+name[cut:]
	}
	for ; ; dir = path.Dir(dir) {
		home := path.Join(dir, "node_modules", pkg)
		if real, err := r.follow(home); err == nil {
			if info, err := fs.Stat(r.files, real); err == nil && info.IsDir() {
				return r.inPackage(real, sub, require)
			} else if errors.Is(err, errEscape) {
				return "", false, err
			}
		} else if errors.Is(err, errEscape) {
			return "", false, err
		}
		if dir == "." {
			return "", false, fmt.Errorf("there is no package %q in node_modules; install it in the gateway's directory, or write ./%s for a file", pkg, name)
		}
	}
}

// manifest is what package.json says about imports.
type manifest struct {
	Exports     json.RawMessage `json:"exports"`
	Module      string          `json:"module"`
	Main        string          `json:"main"`
	SideEffects any             `json:"sideEffects"`
}

// inPackage finds what a package gives for ".", or "./sub".
func (r *resolver) inPackage(home, sub string, require bool) (string, bool, error) {
	var m manifest
	if text, err := r.read(path.Join(home, "package.json")); err == nil {
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return "", false, fmt.Errorf("%s/package.json: %w", home, err)
		}
	}
	pure := m.SideEffects == false
	if len(m.Exports) > 0 && string(m.Exports) != "null" {
		target := exported(m.Exports, sub, require)
		if target == "" {
			return "", false, fmt.Errorf("package %s does not export %s", path.Base(home), sub)
		}
		found, err := r.inside(home, target)
		return found, pure, err
	}
	if sub != "." {
		found, err := r.inside(home, sub)
		return found, pure, err
	}
	for _, main := range []string{m.Module, m.Main, "index"} {
		if main == "" {
			continue
		}
		if found, err := r.inside(home, main); err == nil {
			return found, pure, nil
		}
	}
	return "", false, fmt.Errorf("package %s has no main file", path.Base(home))
}

// inside finds a file of a package, and nothing outside it.
func (r *resolver) inside(home, target string) (string, error) {
	joined := path.Join(home, target)
	if joined != home && !strings.HasPrefix(joined, home+"/") {
		return "", fmt.Errorf("%s lies outside the package", target)
	}
	return r.file(joined)
}

// read reads a file of the gateway's directory, at most [MaxSource] of it.
func (r *resolver) read(file string) (string, error) {
	real, err := r.stat(file)
	if err != nil {
		return "", err
	}
	f, err := r.files.Open(real)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxSource+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > MaxSource:
		return "", fmt.Errorf("%s has more than %d bytes", file, MaxSource)
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}

// stat follows the links of a path to a regular file.
func (r *resolver) stat(file string) (string, error) {
	real, err := r.follow(file)
	if err != nil {
		return "", err
	}
	info, err := fs.Stat(r.files, real)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("it is no regular file")
	}
	return real, nil
}

var errEscape = errors.New("a symbolic link on the way leads out of the gateway's directory")

// follow resolves the symbolic links of a path, all of which must stay inside the directory.
func (r *resolver) follow(file string) (string, error) {
	links, ok := r.files.(fs.ReadLinkFS)
	if !ok {
		return file, nil
	}
	done, rest := ".", file
	for hops := 0; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		next := path.Join(done, part)
		info, err := links.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		target, err := links.ReadLink(next)
		if err != nil {
			return "", err
		}
		joined := path.Join(done, target)
		if hops++; hops > 40 || path.IsAbs(target) || !fs.ValidPath(joined) {
			return "", errEscape
		}
		done, rest = ".", path.Join(joined, rest)
	}
	return done, nil
}

// plain is an error without the machine's part of a path error.
func plain(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
