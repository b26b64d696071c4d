package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

type logCmd struct {
	sshFlag
	Host   string `arg:"" placeholder:"[user@]host" help:"The destination."`
	Follow bool   `short:"f" help:"Go on with what is written from now on, until Ctrl-C (exit status 0)."`
}

// followLook is how often a followed log is looked at.
const followLook = 200 * time.Millisecond

// Run prints the log, also where no keeper runs.
func (l logCmd) Run() error {
	ctx := context.Background()
	dest, err := find(ctx, l.SSH, &person{host: l.Host})
	if err != nil {
		return err
	}
	log := &logReader{path: dest.dirs.Log(dest.config.ID())}
	out := bufio.NewWriter(os.Stdout)
	show := writeRaw(out)
	if tty.Is(os.Stdout) {
		show = writeReadable(out, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
	}
	if err := log.read(show, !l.Follow); err != nil {
		return err
	}
	if log.file == nil {
		_, err := rundir.Open(log.path, os.O_RDONLY)
		if other := (*rundir.FileError)(nil); errors.As(err, &other) {
			return other
		}
	}
	if log.file == nil && !l.Follow {
		return explain.NoLog(l.Host)
	}
	if log.file == nil {
		say("there is no log of a connection to %s yet; waiting for one", l.Host)
	}
	if l.Follow {
		return log.follow(out, show)
	}
	return out.Flush()
}

// follow goes on until it is interrupted: it has no other end.
func (r *logReader) follow(out *bufio.Writer, show func([]byte) error) error {
	ctx, stop := untilInterrupted(context.Background())
	defer stop()
	for {
		if err := out.Flush(); err != nil {
			return err
		}
		if !pause(ctx, followLook) {
			return nil
		}
		if err := r.read(show, false); err != nil {
			return err
		}
	}
}

// writeRaw writes lines as they are.
func writeRaw(out io.Writer) func([]byte) error {
	return func(line []byte) error {
		_, err := out.Write(append(line, '\n'))
		return err
	}
}

// writeReadable writes lines for a person on a terminal. No control character
// of a line gets there: remotes said some of what is logged.
func writeReadable(out io.Writer, colour bool) func([]byte) error {
	console := zerolog.ConsoleWriter{
		Out: out, NoColor: !colour, TimeFormat: "2006-01-02 15:04:05.000", FieldsExclude: []string{"destination"},
		FormatPrepare: func(event map[string]any) error {
			defang(event)
			return nil
		},
	}
	return func(line []byte) error {
		var event bytes.Buffer
		console.Out = &event
		if _, err := console.Write(line); err != nil { // not JSON: a crash was written to the log too
			event.Reset()
			fmt.Fprintln(&event, text.Escape(string(line)))
		}
		_, err := out.Write(event.Bytes())
		return err
	}
}

// defang makes all names and strings of an event printable, in place.
func defang(event map[string]any) {
	for name, value := range maps.Clone(event) {
		delete(event, name)
		event[text.Escape(name)] = defanged(value)
	}
}

func defanged(value any) any {
	switch value := value.(type) {
	case string:
		return text.Escape(value)
	case map[string]any:
		defang(value)
	case []any:
		for i := range value {
			value[i] = defanged(value[i])
		}
	}
	return value
}

// logReader reads a keeper's log from its beginning. When it is full, the log
// is renamed to PATH.old and begun anew; the reader goes from one to the other
// and misses nothing.
type logReader struct {
	path string
	file *os.File // nil: there was none yet
	rest []byte   // of file: the beginning of a line
	in   *bufio.Reader
}

// read shows every line that the keeper wrote since the last call. With all, it
// shows an unfinished last line, too.
func (r *logReader) read(show func([]byte) error, all bool) error {
	for {
		newer := r.newer() // before the rest of the present one: then nothing more comes to that
		if err := r.drain(show, all || len(newer) > 0); err != nil {
			return err
		}
		if len(newer) == 0 {
			return nil
		}
		r.turnTo(newer[0])
		for _, later := range newer[1:] {
			_ = later.Close()
		}
	}
}

// newer opens the files that were begun after the present one, oldest first.
// The log is opened before the old one: if it is renamed in between, both are
// the same.
func (r *logReader) newer() []*os.File {
	var found []*os.File
	for _, path := range []string{r.path, r.path + ".old"} {
		file, err := rundir.Open(path, os.O_RDONLY)
		if err != nil {
			continue
		}
		if same(file, r.file) || len(found) > 0 && same(file, found[0]) {
			_ = file.Close()
			break // what is older was read
		}
		found = append([]*os.File{file}, found...)
	}
	return found
}

func (r *logReader) turnTo(file *os.File) {
	if r.file != nil {
		_ = r.file.Close()
	}
	r.file, r.in = file, bufio.NewReader(file)
}

// drain shows the lines up to the present end of the file.
func (r *logReader) drain(show func([]byte) error, all bool) error {
	if r.file == nil {
		return nil
	}
	for {
		part, err := r.in.ReadBytes('\n')
		r.rest = append(r.rest, part...)
		if err != nil && (!all || len(r.rest) == 0) {
			return ignoreEOF(err)
		}
		line := bytes.TrimSuffix(r.rest, []byte("\n"))
		r.rest = nil
		if showErr := show(line); showErr != nil {
			return showErr
		}
		if err != nil {
			return ignoreEOF(err)
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// same reports whether two descriptors are of one file.
func same(a, b *os.File) bool {
	if a == nil || b == nil {
		return false
	}
	first, err := a.Stat()
	if err != nil {
		return false
	}
	second, err := b.Stat()
	return err == nil && os.SameFile(first, second)
}
