package report

// reductions make a table narrower until it fits the terminal. They apply in this order.
// Each takes the width of the terminal in columns and leaves a table that fits alone.
var reductions = []struct {
	drops  bool // it drops whole columns
	reduce func(g *grid, width int)
}{
	{true, (*grid).dropEmpty},
	{true, (*grid).dropInOrder},
	{true, (*grid).dropTyped},
	{false, (*grid).shorten},
}

// dropEmpty drops empty columns, starting with the last.
func (g *grid) dropEmpty(width int) {
	for i := len(g.shapes) - 1; i >= 0 && g.total() > width; i-- {
		if g.empty(i) {
			g.remove(i)
		}
	}
}

// dropInOrder drops columns in the order of their shapes.
func (g *grid) dropInOrder(width int) {
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

// dropTyped drops columns of an operator's SQL that do not fit, even if the cells of
// all columns before them are shortened. It keeps the first column.
func (g *grid) dropTyped(width int) {
	for i, used := 0, -len(margin); i < len(g.shapes); {
		s, least := g.shapes[i], len(margin)+g.widths[i]
		if s.cut > 0 {
			least = len(margin) + min(g.widths[i], s.cut)
		}
		if s.typed && i > 0 && used+least > width {
			g.remove(i)
			continue
		}
		used, i = used+least, i+1
	}
}

// shorten cuts cells until the rows fit the terminal, always in the widest column that may
// be cut.
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

// empty reports whether a column is empty in a table that has rows.
func (g *grid) empty(i int) bool {
	for _, row := range g.rows {
		if row[g.from[i]].text != "" {
			return false
		}
	}
	return len(g.rows) > 0
}

func (g *grid) total() int {
	total := len(margin) * (len(g.widths) - 1)
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
