package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper"
)

type statusCmd struct {
	Host string `arg:"" optional:"" help:"Only this destination; the exit status then says whether its connection is up."`
	JSON bool   `help:"Print JSON, one object a keeper."`
}

// Run prints a row a keeper. For one host it fails unless that is up.
func (s statusCmd) Run() error {
	ctx := context.Background()
	dirs, err := keeper.FindDirs(os.Getenv)
	if err != nil {
		return err
	}
	if s.Host == "" {
		alive, silent, err := keeper.All(ctx, dirs)
		if err != nil {
			return err
		}
		for _, id := range silent {
			say("keeper %s does not answer; its log is %s", id, dirs.Log(id))
		}
		return s.print(alive)
	}
	status, err := statusOf(ctx, dirs, s.Host)
	if err != nil {
		return err
	}
	if err := s.print([]*keeper.Status{status}); err != nil {
		return err
	}
	if status.State != keeper.Up {
		return &exitError{Code: exitNotUp}
	}
	return nil
}

func statusOf(ctx context.Context, dirs keeper.Dirs, host string) (*keeper.Status, error) {
	client, err := reach(ctx, dirs, host)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Status()
}

func (s statusCmd) print(all []*keeper.Status) error {
	if s.JSON {
		for _, status := range all {
			if err := json.NewEncoder(os.Stdout).Encode(status); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Println("no keeper runs")
		return nil
	}
	return table(os.Stdout, all)
}

func table(to io.Writer, all []*keeper.Status) error {
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "HOST\tSTATE\tFOR\tSESSIONS\tAGENT REQUESTS")
	for _, s := range all {
		age := time.Since(s.Since).Round(time.Second)
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\n", printable(s.Destination), s.State, age, s.Sessions, s.Requests)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		for _, problem := range s.Problems {
			fmt.Fprintf(to, "%s: %s\n", printable(s.Destination), printable(problem))
		}
	}
	return nil
}
