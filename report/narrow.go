package report

// reductions are what narrows a table until a row has room on a terminal, in their
// order. Each is for a width in columns of the terminal, and does nothing to a table
// that has room.
var reductions = []struct {
	loses  bool // whole columns
	reduce func(g *grid, width int)
}{
	{true, (*grid).loseEmpty},
	{true, (*grid).loseInOrder},
	{true, (*grid).loseTyped},
	{false, (*grid).shorten},
}

// loseEmpty removes columns in which nothing stands, the last first.
func (g *grid) loseEmpty(width int) {
	for i := len(g.shapes) - 1; i >= 0 && g.total() > width; i-- {
		if g.empty(i) {
			g.remove(i)
		}
	}
}

// loseInOrder removes columns that may be dropped, in their order.
func (g *grid) loseInOrder(width int) {
	last := 0
	for _, s := range g.shapes {
		last = max(last, s.drop)
	}
	for order := 1; order <= last; order++ {
		for i := len(g.shapes) - 1; i >= 0; i-- {
			if g.shapes[i].drop == order && g.total() > width {
				g.remove(i)
			}
		}
	}
}

// loseTyped removes columns of somebody's own SQL, but for the first, that have no room
// beside what stands left of them, however short that is made.
func (g *grid) loseTyped(width int) {
	for i, used := 0, -len(gap); i < len(g.shapes); {
		s, least := g.shapes[i], len(gap)+g.widths[i]
		if s.cut > 0 {
			least = len(gap) + min(g.widths[i], s.cut)
		}
		if s.typed && i > 0 && used+least > width {
			g.remove(i)
			continue
		}
		used, i = used+least, i+1
	}
}

// shorten shortens cells of the columns that may be cut, until a row has room in
// so many columns of a terminal.
func (g *grid) shorten(width int) {
	for g.total() > width {
		widest := -1
		for i, c := range g.shapes {
			if c.cut > 0 && g.widths[i] > c.cut && (widest < 0 || g.widths[i] > g.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		g.widths[widest]--
	}
	for _, row := range g.rows {
		for i, from := range g.from {
			row[from].text = shortened(row[from].text, g.widths[i])
		}
	}
}

// empty reports whether nothing stands in a column of a table that has rows.
func (g *grid) empty(i int) bool {
	for _, row := range g.rows {
		if row[g.from[i]].text != "" {
			return false
		}
	}
	return len(g.rows) > 0
}

func (g *grid) total() int {
	total := len(gap) * (len(g.widths) - 1)
	for _, w := range g.widths {
		total += w
	}
	return total
}

func (g *grid) remove(i int) {
	g.shapes = append(g.shapes[:i:i], g.shapes[i+1:]...)
	g.from = append(g.from[:i:i], g.from[i+1:]...)
	g.widths = append(g.widths[:i:i], g.widths[i+1:]...)
}
