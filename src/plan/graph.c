/*
 * graph.c
 *		Stable topological order, strongly connected components, cycles.
 */
#include "postgres.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "plan/graph.h"

Graph *
mig_graph_create(int n)
{
	Graph	   *graph = palloc(sizeof(Graph));

	graph->n = n;
	graph->nedges = palloc0(Max(n, 1) * sizeof(int));
	graph->edges = palloc0(Max(n, 1) * sizeof(int *));
	return graph;
}

/* Lists of edges grow by doubling. */
void
mig_graph_add_edge(Graph *graph, int node, int before)
{
	int			n = graph->nedges[node];

	if (n == 0)
		graph->edges[node] = palloc(sizeof(int));
	else if ((n & (n - 1)) == 0)
		graph->edges[node] = repalloc(graph->edges[node], 2 * n * sizeof(int));
	graph->edges[node][n] = before;
	graph->nedges[node]++;
}

/* For a heap that gives the lowest number first. */
static int
compare_numbers(Datum a, Datum b, void *arg)
{
	int			left = DatumGetInt32(a);
	int			right = DatumGetInt32(b);

	return left < right ? 1 : left > right ? -1 : 0;
}

static bool
is_chosen(const bool *chosen, int node)
{
	return chosen == NULL || chosen[node];
}

/*
 * The edges turned round, restricted to the chosen nodes: what stands behind
 * node i is in the result from start[i] to before start[i + 1].
 */
static int *
turn_round(const Graph *graph, const bool *chosen, int *waiting, int *start)
{
	int		   *behind;
	int		   *filled = palloc0(Max(graph->n, 1) * sizeof(int));

	for (int i = 0; i < graph->n; i++)
		for (int e = 0; is_chosen(chosen, i) && e < graph->nedges[i]; e++)
			if (is_chosen(chosen, graph->edges[i][e]))
			{
				start[graph->edges[i][e] + 1]++;
				waiting[i]++;
			}
	for (int i = 0; i < graph->n; i++)
		start[i + 1] += start[i];
	behind = palloc(Max(start[graph->n], 1) * sizeof(int));
	for (int i = 0; i < graph->n; i++)
		for (int e = 0; is_chosen(chosen, i) && e < graph->nedges[i]; e++)
		{
			int			before = graph->edges[i][e];

			if (is_chosen(chosen, before))
				behind[start[before] + filled[before]++] = i;
		}
	pfree(filled);
	return behind;
}

int *
mig_graph_behind(const Graph *graph, int *start)
{
	int		   *waiting = palloc0(Max(graph->n, 1) * sizeof(int));
	int		   *behind;

	memset(start, 0, (graph->n + 1) * sizeof(int));
	behind = turn_round(graph, NULL, waiting, start);
	pfree(waiting);
	return behind;
}

/* Kahn's algorithm, with a heap of the nodes that nothing stands before. */
int
mig_graph_order(const Graph *graph, const bool *chosen, int *order)
{
	int		   *waiting = palloc0(Max(graph->n, 1) * sizeof(int));
	int		   *start = palloc0((graph->n + 1) * sizeof(int));
	int		   *behind = turn_round(graph, chosen, waiting, start);
	binaryheap *ready = binaryheap_allocate(Max(graph->n, 1), compare_numbers, NULL);
	int			count = 0;

	for (int i = 0; i < graph->n; i++)
		if (is_chosen(chosen, i) && waiting[i] == 0)
			binaryheap_add(ready, Int32GetDatum(i));
	while (!binaryheap_empty(ready))
	{
		int			node = DatumGetInt32(binaryheap_remove_first(ready));

		order[count++] = node;
		for (int e = start[node]; e < start[node + 1]; e++)
			if (--waiting[behind[e]] == 0)
				binaryheap_add(ready, Int32GetDatum(behind[e]));
	}
	binaryheap_free(ready);
	pfree(behind);
	pfree(start);
	pfree(waiting);
	return count;
}

/* State of Tarjan's algorithm, with a stack of its own: chains may be long. */
typedef struct Tarjan
{
	const Graph *graph;
	int		   *index;			/* 0: not seen */
	int		   *low;
	int		   *next_edge;
	bool	   *on_stack;
	int		   *stack;
	int			depth;
	int		   *path;			/* nodes being visited */
	int			length;
	int			counter;
	int			components;
} Tarjan;

static void
tarjan_visit(Tarjan *t, int node)
{
	t->index[node] = t->low[node] = ++t->counter;
	t->on_stack[node] = true;
	t->stack[t->depth++] = node;
	t->path[t->length++] = node;
}

/* node's edges are done: if it is the root of a component, take that off. */
static void
tarjan_leave(Tarjan *t, int node, int *component)
{
	int			size = 0;
	int			member;
	bool		own_edge = false;

	if (t->low[node] != t->index[node])
		return;
	for (int e = 0; e < t->graph->nedges[node]; e++)
		own_edge |= t->graph->edges[node][e] == node;
	do
	{
		member = t->stack[--t->depth];
		t->on_stack[member] = false;
		component[member] = t->components;
		size++;
	} while (member != node);
	if (size == 1 && !own_edge)
		component[node] = -1;
	else
		t->components++;
}

static void
tarjan_walk(Tarjan *t, int start, int *component)
{
	tarjan_visit(t, start);
	while (t->length > 0)
	{
		int			node = t->path[t->length - 1];

		if (t->next_edge[node] < t->graph->nedges[node])
		{
			int			before = t->graph->edges[node][t->next_edge[node]++];

			if (t->index[before] == 0)
				tarjan_visit(t, before);
			else if (t->on_stack[before])
				t->low[node] = Min(t->low[node], t->index[before]);
			continue;
		}
		tarjan_leave(t, node, component);
		t->length--;
		if (t->length > 0)
		{
			int			parent = t->path[t->length - 1];

			t->low[parent] = Min(t->low[parent], t->low[node]);
		}
	}
}

void
mig_graph_components(const Graph *graph, int *component)
{
	int			n = Max(graph->n, 1);
	Tarjan		t = {0};

	t.graph = graph;
	t.index = palloc0(n * sizeof(int));
	t.low = palloc0(n * sizeof(int));
	t.next_edge = palloc0(n * sizeof(int));
	t.on_stack = palloc0(n * sizeof(bool));
	t.stack = palloc(n * sizeof(int));
	t.path = palloc(n * sizeof(int));
	for (int i = 0; i < graph->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (t.index[i] == 0)
			tarjan_walk(&t, i, component);
	}
}

int
mig_graph_cycle(const Graph *graph, const int *component, int node, int *cycle)
{
	int		   *came_from = palloc(graph->n * sizeof(int));
	int		   *queue = palloc(graph->n * sizeof(int));
	int			head = 0,
				tail = 0,
				length = 0;

	memset(came_from, -1, graph->n * sizeof(int));
	queue[tail++] = node;
	while (head < tail)
	{
		int			at = queue[head++];

		for (int e = 0; e < graph->nedges[at]; e++)
		{
			int			before = graph->edges[at][e];

			if (before == node)
			{
				for (int i = at; i != node; i = came_from[i])
					cycle[++length] = i;
				cycle[0] = node;
				/* Found backwards: turn all but the first round. */
				for (int i = 1, j = length; i < j; i++, j--)
				{
					int			swap = cycle[i];

					cycle[i] = cycle[j];
					cycle[j] = swap;
				}
				return length + 1;
			}
			if (component[before] == component[node] && came_from[before] < 0)
			{
				came_from[before] = at;
				queue[tail++] = before;
			}
		}
	}
	return 0;
}
