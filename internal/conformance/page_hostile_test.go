package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// hostileLabels are names that somebody gave to an app.
var hostileLabels = []string{
	`<script>document.title="owned"</script>`, `"><img src=http://192.0.2.1/x onerror=alert(1)>`, `</style></title><marquee>`, `&lt;b&gt;`,
	`'--><svg onload=alert(1)>`, "\u202eevil\u2066\x1b[31m\r\n\x00", strings.Repeat("W", 300), strings.Repeat("漢", 100), "שלום \u0627\u0644\u0639",
}

// hostilePages are the pages of a plan and of a run in which every text ends in
// the labels.
func hostilePages(t *testing.T) map[string][]byte {
	t.Helper()
	plan, err := runner.DecodePlan(read(t, "../../testdata/faces/rotate-app-csr.json"))
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := runner.DecodePlan(read(t, "../../testdata/faces/rotate-fleet-key.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report view.Report
	if err := json.Unmarshal(read(t, "../../testdata/faces/run-stuck.json"), &report); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{plan, fleet, &report} {
		spoil(reflect.ValueOf(v).Elem(), " "+strings.Join(hostileLabels, " "))
	}
	run := &runner.StoredRun{Plan: plan}
	for _, e := range report.Timeline {
		run.Events = append(run.Events, e.Timed)
	}
	pages := map[string][]byte{}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"plan.html":  func(b *bytes.Buffer) error { return view.PlanHTML(b, plan) },
		"fleet.html": func(b *bytes.Buffer) error { return view.PlanHTML(b, fleet) },
		"run.html":   func(b *bytes.Buffer) error { return view.RunHTML(b, run, &report, "rekey rollback x") },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		pages[name] = b.Bytes()
	}
	return pages
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// spoil appends a text to every text that a value holds; words that a program
// knows stay.
func spoil(v reflect.Value, by string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if v.Kind() == reflect.Interface {
			held := reflect.New(v.Elem().Type()).Elem()
			held.Set(v.Elem())
			spoil(held, by)
			v.Set(held)
			return
		}
		spoil(v.Elem(), by)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				spoil(v.Field(i), by)
			}
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			if v.Len() > 0 {
				v.Set(reflect.ValueOf(raw(by)))
			}
			return
		}
		for i := range v.Len() {
			spoil(v.Index(i), by)
		}
	case reflect.Map:
		spoiled := reflect.MakeMap(v.Type())
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			spoil(value, by)
			name := reflect.New(v.Type().Key()).Elem()
			name.Set(key)
			spoil(name, by)
			spoiled.SetMapIndex(name, value)
		}
		if v.Len() > 0 {
			v.Set(spoiled)
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(v.String() + by)
		}
	}
}

// raw is a text as JSON.
func raw(text string) json.RawMessage {
	data, _ := json.Marshal(map[string]string{text: text})
	return data
}
