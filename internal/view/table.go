package view

import "io"

// Table writes rows in columns as wide as they need to be.
func Table(w io.Writer, rows [][]string) error {
	var p page
	safe := make([][]string, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			safe[i] = append(safe[i], Visible(cell))
		}
	}
	p.table("", safe)
	return p.to(w)
}
