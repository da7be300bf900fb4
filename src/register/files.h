/*
 * files.h
 *		Reading the files of a directory on the server.
 */
#ifndef MIG_FILES_H
#define MIG_FILES_H

#include "script/layouts/layouts.h"

/* All files below a directory that this layout may want, by relative path. */
extern SourceFile *mig_read_directory(const char *directory, const char *layout, int *n);

#endif							/* MIG_FILES_H */
