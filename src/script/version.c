/*
 * version.c
 *		Derive versions from names and compare them.
 */
#include "postgres.h"

#include <ctype.h>

#include "script/version.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_separator(char c)
{
	return c == '.' || c == '_' || c == '-';
}

char *
mig_version_from_name(const char *name)
{
	int			length = 0;

	while (*name != '\0' && !is_digit(*name))
		name++;
	if (*name == '\0')
		return NULL;
	while (is_digit(name[length]) ||
		   (is_separator(name[length]) && is_digit(name[length + 1])))
		length++;
	return pnstrdup(name, length);
}

/* Compare the numbers that two strings begin with, of any size, and step over them. */
static int
compare_numbers(const char **a, const char **b)
{
	const char *left;
	const char *right;
	int			left_length;
	int			right_length;

	while (**a == '0' && is_digit((*a)[1]))
		(*a)++;
	while (**b == '0' && is_digit((*b)[1]))
		(*b)++;
	left = *a;
	right = *b;
	left_length = strspn(left, "0123456789");
	right_length = strspn(right, "0123456789");
	*a += left_length;
	*b += right_length;
	if (left_length != right_length)
		return left_length < right_length ? -1 : 1;
	return strncmp(left, right, left_length);
}

int
mig_version_compare(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0')
	{
		unsigned char left = is_separator(*a) ? '.' : *a;
		unsigned char right = is_separator(*b) ? '.' : *b;

		if (is_digit(*a) && is_digit(*b))
		{
			int			result = compare_numbers(&a, &b);

			if (result != 0)
				return result;
			continue;
		}
		if (left != right)
			return left < right ? -1 : 1;
		a++;
		b++;
	}
	return (*a != '\0') - (*b != '\0');
}

char *
mig_version_canonical(const char *version)
{
	char	   *canonical = palloc(strlen(version) + 1);
	char	   *out = canonical;
	bool		in_number = false;

	for (const char *c = version; *c != '\0'; c++)
	{
		if (*c == '0' && !in_number && is_digit(c[1]))
			continue;
		in_number = is_digit(*c);
		*out++ = is_separator(*c) ? '.' : *c;
	}
	*out = '\0';
	return canonical;
}

bool
mig_version_is_stamp(const char *version)
{
	int			digits = 0;

	for (const char *c = version; *c != '\0'; c++)
		digits += is_digit(*c);
	return digits >= 8;
}
