/*
 * secrets.c
 *		What a secret looks like: the value of a setting whose name says so, in a
 *		string that is made of settings, or a part of an address.
 */
#include "postgres.h"

#include "capture/capture_private.h"
#include "mb/pg_wchar.h"

#define BLANKS " \t"
#define ENDS_OF_SETTINGS ";\n\r"

/* Of names of settings, after which "Data Source" or "MSSQL:Server" are one, too. */
#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_.:/-"
#define MAX_WORDS 3

/* Parts of names of options and settings whose values are not for a log. */
static const char *const secret_words[] = {
	"pass", "pwd", "secret", "token", "conninfo", "credential", "apikey", "api_key", "access_key", "private_key", "_key"
};

char *
mig_lowered(const char *text, int length)
{
	char	   *lower = pnstrdup(text, length);

	for (char *p = lower; *p; p++)
		*p = pg_tolower((unsigned char) *p);
	return lower;
}

bool
mig_is_secret_name(const char *name)
{
	for (int i = 0; i < lengthof(secret_words); i++)
		if (strstr(name, secret_words[i]))
			return true;
	return false;
}

bool
mig_may_have_secrets(const char *text)
{
	char	   *lower = mig_lowered(text, strlen(text));
	bool		result;

	result = strstr(lower, "connection") || mig_is_secret_name(lower) || strstr(lower, "://");
	pfree(lower);
	return result;
}

/* Has a setting a value whose name contains this word? */
static bool
has_value(const char *text, const char *word)
{
	for (const char *p = strstr(text, word); p; p = strstr(p, word))
	{
		p += strlen(word);
		p += strspn(p, LETTERS);
		if (*p == '=' && p[-1] == ':')
			continue;
		p += strspn(p, BLANKS ENDS_OF_SETTINGS);
		if (*p == '=' && p[1] != '>' && p[1 + strspn(p + 1, BLANKS ENDS_OF_SETTINGS)] != '\0')
			return true;
	}
	return false;
}

static bool
has_secret_value(const char *text)
{
	for (int i = 0; i < lengthof(secret_words); i++)
		if (has_value(text, secret_words[i]))
			return true;
	return false;
}

/* What is in it unquoted is a column or a variable. */
static bool
is_query(const char *text)
{
	static const char *const words[] = {"select", "insert", "update", "delete", "merge", "with"};
	const char *start = text + strspn(text, BLANKS ENDS_OF_SETTINGS);
	size_t		length = strspn(start, LETTERS);

	for (int i = 0; i < lengthof(words); i++)
		if (strlen(words[i]) == length && strncmp(start, words[i], length) == 0)
			return true;
	return false;
}

/* Something like "name = value"; no assignment, argument or comparison. */
static bool
is_setting(const char *p)
{
	for (int i = 0; i < MAX_WORDS; i++)
	{
		size_t		length = strspn(p, LETTERS);

		if (length == 0)
			return false;
		p += length;
		if (*p == '=')
			return p[-1] != ':' && p[1] != '=' && p[1] != '>';
		p += strspn(p, BLANKS);
		if (*p == '=')
			return p[1] != '=' && p[1] != '>';
	}
	return false;
}

/* Where it ends, but not within quotes. */
static const char *
end_of_setting(const char *p)
{
	char		quote = '\0';

	for (; *p != '\0' && (quote || strchr(ENDS_OF_SETTINGS, *p) == NULL); p++)
	{
		if (quote && *p == '\\' && p[1] != '\0')
			p++;
		else if (quote && *p == quote)
			quote = '\0';
		else if (quote == '\0' && (*p == '\'' || *p == '"'))
			quote = *p;
	}
	return p;
}

/* Nothing but settings, on lines of their own or between semicolons; an address like jdbc:driver://host may be before them. */
static bool
is_settings(const char *text)
{
	const char *end;

	for (const char *p = text;; p = end + 1)
	{
		end = end_of_setting(p);
		p += strspn(p, BLANKS);
		if (p < end && !is_setting(p) && (p > text || p + strspn(p, LETTERS) != end || memchr(p, ':', end - p) == NULL))
			return false;
		if (*end == '\0')
			return true;
	}
}

/* Behind an address: a quote may be a part of it, if what follows it is none of what follows a string. */
static const char *
end_of_address(const char *p)
{
	for (;; p++)
	{
		p += strcspn(p, " \t\n\r'\"");
		if (*p != '\'' || strchr(",);| \t\n\r", p[strspn(p, "'")]))
			return p;
		p += strspn(p, "'") - 1;
	}
}

/* Is there an address like 'postgresql://user:secret@host'? */
static bool
has_secret_address(const char *text)
{
	for (const char *p = strstr(text, "://"); p; p = strstr(p, "://"))
	{
		const char *colon;
		const char *end;

		p += strlen("://");
		end = end_of_address(p);
		colon = memchr(p, ':', end - p);
		if (colon && memchr(colon, '@', end - colon))
			return true;
	}
	return false;
}

bool
mig_is_connection_string(const char *text)
{
	char	   *lower = mig_lowered(text, strlen(text));
	bool		result;

	if (strpbrk(lower, BLANKS ENDS_OF_SETTINGS) == NULL && has_secret_address(lower))
		result = true;
	else
		result = !is_query(lower) && is_settings(lower) && has_secret_value(lower);
	pfree(lower);
	return result;
}

bool
mig_has_connection_string(const char *text)
{
	char	   *lower = mig_lowered(text, strlen(text));
	bool		result;

	result = has_secret_address(lower) ||
		(strpbrk(lower, ENDS_OF_SETTINGS) == NULL && !is_query(lower) && (has_value(lower, "password") || has_value(lower, "pwd")));
	pfree(lower);
	return result || mig_is_connection_string(text);
}

bool
mig_has_environment(const char *text)
{
	static const char word[] = "pgpassword=";
	char	   *lower = mig_lowered(text, strlen(text));
	const char *found = strstr(lower, word);
	bool		result = found && strchr(BLANKS ENDS_OF_SETTINGS, found[strlen(word)]) == NULL;

	pfree(lower);
	return result;
}
