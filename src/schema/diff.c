/*
 * diff.c
 *		A unified diff of two definitions.
 *
 * Definitions have tens of lines, functions some hundreds: the table of the
 * longest common subsequence is small.  Of longer ones all lines are shown as
 * removed and added.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "schema/state.h"

#define CONTEXT 3
#define MOST_LINES 5000

typedef struct Lines
{
	const char **start;
	int		   *length;
	int			n;
} Lines;

/* One line of the diff: ' ', '-' or '+', and the number of it in its text. */
typedef struct Edit
{
	char		sign;
	int			line;
} Edit;

static Lines
split(const char *text)
{
	Lines		lines = {0};
	int			size = 16;

	lines.start = palloc(size * sizeof(char *));
	lines.length = palloc(size * sizeof(int));
	while (text && *text)
	{
		const char *end = strchr(text, '\n');

		if (lines.n == size)
		{
			size *= 2;
			lines.start = repalloc(lines.start, size * sizeof(char *));
			lines.length = repalloc(lines.length, size * sizeof(int));
		}
		lines.start[lines.n] = text;
		lines.length[lines.n++] = end ? end - text : strlen(text);
		text = end ? end + 1 : NULL;
	}
	return lines;
}

static bool
same_line(const Lines *a, int i, const Lines *b, int j)
{
	return a->length[i] == b->length[j] && memcmp(a->start[i], b->start[j], a->length[i]) == 0;
}

/* Length of the longest common subsequence of what is behind each pair of lines. */
static int *
common_lengths(const Lines *a, const Lines *b)
{
	int			width = b->n + 1;
	int		   *table = palloc0(sizeof(int) * (a->n + 1) * width);

	for (int i = a->n - 1; i >= 0; i--)
		for (int j = b->n - 1; j >= 0; j--)
			table[i * width + j] = same_line(a, i, b, j) ? table[(i + 1) * width + j + 1] + 1 :
				Max(table[(i + 1) * width + j], table[i * width + j + 1]);
	return table;
}

static int
find_edits(const Lines *a, const Lines *b, Edit *edits)
{
	bool		is_long = (int64) a->n * b->n > (int64) MOST_LINES * MOST_LINES / 10;
	int		   *table = is_long ? NULL : common_lengths(a, b);
	int			width = b->n + 1;
	int			n = 0;
	int			i = 0;
	int			j = 0;

	while (i < a->n || j < b->n)
	{
		if (table && i < a->n && j < b->n && same_line(a, i, b, j))
		{
			edits[n++] = (Edit) {' ', i++};
			j++;
		}
		else if (i < a->n && (j == b->n || table == NULL || table[(i + 1) * width + j] >= table[i * width + j + 1]))
			edits[n++] = (Edit) {'-', i++};
		else
			edits[n++] = (Edit) {'+', j++};
	}
	return n;
}

/* Where the hunk that begins at an edit ends: behind the last change with another one near enough. */
static int
end_of_hunk(const Edit *edits, int n, int from)
{
	int			last = from;

	for (int i = from; i < n && i <= last + 2 * CONTEXT; i++)
		if (edits[i].sign != ' ')
			last = i;
	return Min(last + CONTEXT + 1, n);
}

static void
put_hunk(StringInfo out, const Edit *edits, int from, int to, int line_a, int line_b, const Lines *a, const Lines *b)
{
	int			count_a = 0;
	int			count_b = 0;

	for (int i = from; i < to; i++)
	{
		count_a += edits[i].sign != '+';
		count_b += edits[i].sign != '-';
	}
	appendStringInfo(out, "@@ -%d,%d +%d,%d @@\n", count_a ? line_a + 1 : line_a, count_a, count_b ? line_b + 1 : line_b, count_b);
	for (int i = from; i < to; i++)
	{
		const Lines *lines = edits[i].sign == '+' ? b : a;

		appendStringInfoChar(out, edits[i].sign);
		appendBinaryStringInfo(out, lines->start[edits[i].line], lines->length[edits[i].line]);
		appendStringInfoChar(out, '\n');
	}
}

void
mig_diff(StringInfo out, const char *from_name, const char *from, const char *to_name, const char *to)
{
	Lines		a = split(from);
	Lines		b = split(to);
	Edit	   *edits = palloc((a.n + b.n + 1) * sizeof(Edit));
	int			n = find_edits(&a, &b, edits);
	int			line_a = 0;
	int			line_b = 0;
	int			next = 0;

	appendStringInfo(out, "--- %s\n+++ %s\n", from ? from_name : "/dev/null", to ? to_name : "/dev/null");
	for (int i = 0; i < n; i++)
	{
		int			begin;

		if (edits[i].sign == ' ')
			continue;
		begin = Max(next, i - CONTEXT);
		for (; next < begin; next++)
		{
			line_a += edits[next].sign != '+';
			line_b += edits[next].sign != '-';
		}
		next = end_of_hunk(edits, n, i);
		put_hunk(out, edits, begin, next, line_a, line_b, &a, &b);
		for (i = begin; i < next; i++)
		{
			line_a += edits[i].sign != '+';
			line_b += edits[i].sign != '-';
		}
		i--;
	}
}
