package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"example.com/rekey/runner/journal"
)

// A run records two events and is interrupted in the third; the next process goes on where it stopped.
func Example() {
	dir, _ := os.MkdirTemp("", "journal")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "runs", "r1", "journal.jsonl")
	opt := journal.Options{Now: func() time.Time { return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC) }}

	j, err := journal.Create(path, opt)
	if err != nil {
		fmt.Println(err)
		return
	}
	j.Append(map[string]string{"kind": "started"})
	j.Append(map[string]string{"kind": "observed", "step": "generate"})
	j.Close()

	torn, _ := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	torn.WriteString(`{"seq":3,"time":"2026-03-0`)
	torn.Close()

	j, records, err := journal.Open(path, opt)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer j.Close()
	for _, r := range records {
		fmt.Println(r.Seq, r.Time.Format(time.RFC3339), string(r.Event))
	}
	fmt.Println("set aside:", filepath.Base(j.SetAside()))
	next, _ := j.Append(map[string]string{"kind": "resumed"})
	fmt.Println(next.Seq, string(next.Event))
	// Output:
	// 1 2026-03-01T09:00:00Z {"kind":"started"}
	// 2 2026-03-01T09:00:00Z {"kind":"observed","step":"generate"}
	// set aside: journal.jsonl.torn-1
	// 3 {"kind":"resumed"}
}
