/*
 * graph.h
 *		Order and cycles of a directed graph of numbered nodes.
 *
 * Pure C on integers: no catalog, no names.
 */
#ifndef MIG_GRAPH_H
#define MIG_GRAPH_H

/* An edge leads from a node to one that must come before it. */
typedef struct Graph
{
	int			n;
	int		   *nedges;
	int		  **edges;
} Graph;

extern Graph *mig_graph_create(int n);
extern void mig_graph_add_edge(Graph *graph, int node, int before);

/*
 * Put the chosen nodes (NULL: all) into order[]: each behind what must come
 * before it, and among those that could come next the lowest number first.
 * Edges to nodes that are not chosen do not count.  Returns how many could be
 * ordered; the others are in a cycle or behind one.
 */
extern int	mig_graph_order(const Graph *graph, const bool *chosen, int *order);

/*
 * What must come behind each node: that of node i is in the result from start[i],
 * which has n + 1 elements, to before start[i + 1].
 */
extern int *mig_graph_behind(const Graph *graph, int *start);

/*
 * Number the strongly connected components: component[i] is the same for two
 * nodes that are in a cycle together, and -1 for a node that is in none.
 */
extern void mig_graph_components(const Graph *graph, int *component);

/*
 * A shortest way from a node back to itself, within its component: its nodes
 * without the repetition.  Returns their number.
 */
extern int	mig_graph_cycle(const Graph *graph, const int *component, int node, int *cycle);

#endif							/* MIG_GRAPH_H */
