package transport

import (
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestShownOnce: what one transport had a person see, the next does not show
// again, though ssh words and cuts it otherwise.
func TestShownOnce(t *testing.T) {
	s, seen := newShown(), ""
	tell := func(n sshconn.Notice) { seen += "[" + n.Kind + " " + n.File + n.Key + n.Text + "]" }
	first, then := s.remember(tell), s.leaveOut(tell)
	for _, n := range []sshconn.Notice{
		{Kind: sshconn.NoticeSkipped, File: "/k"},
		{Kind: sshconn.NoticeBanner, Text: "Hello\r\n\r\nall"},
	} {
		first(n)
	}
	seen = ""
	for _, n := range []sshconn.Notice{
		{Kind: sshconn.NoticeBanner, Text: "Hello\n\nall\nNew\n"},
		{Kind: sshconn.NoticeBanner, Text: "all\n"},
		{Kind: sshconn.NoticeSkipped, File: "/k"},
		{Kind: sshconn.NoticeSkipped, File: "/m"},
		{Kind: sshconn.NoticeTouch, Key: "k"},
	} {
		then(n)
	}
	if want := "[banner New\n][skipped /m][touch k]"; seen != want {
		t.Errorf("seen %q", seen)
	}
	if s.remember(nil) != nil || s.leaveOut(nil) != nil {
		t.Error("somebody is told where nobody is")
	}
}
