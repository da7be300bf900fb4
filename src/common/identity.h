/*
 * identity.h
 *		Words in the identity of an object, as the server prints it.
 */
#ifndef MIG_IDENTITY_H
#define MIG_IDENTITY_H

/* Does a text begin with another one? */
static inline bool
mig_begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* What follows a word, but for where it is part of a quoted name; NULL: it is not there. */
static inline const char *
mig_behind_word(const char *text, const char *word)
{
	bool		quoted = false;

	for (; *text; text++)
	{
		if (*text == '"')
			quoted = !quoted;
		else if (!quoted && mig_begins_with(text, word))
			return text + strlen(word);
	}
	return NULL;
}

#endif							/* MIG_IDENTITY_H */
