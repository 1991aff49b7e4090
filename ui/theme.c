/*
 * Themes.  A theme is a row for each ink: its colour where there are 256,
 * where there are 8 or 16, and the attributes that carry the meaning where
 * there are none.  What is loud is loud in monochrome too (reverse, bold),
 * and every state is also a word, so nothing is told by colour alone.
 */
#include "config.h"

#include <string.h>

#include "draw.h"

enum { OWN = -1, BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE };

struct theme_row {
	short	rich_fg, rich_bg;	/* of 256 */
	short	plain_fg, plain_bg;	/* of 8 */
	int	attributes;		/* with colours */
	int	mono;			/* without */
};

#define REVERSE_BOLD (LOOK_REVERSE | LOOK_BOLD)

/* For terminals with a dark or unknown ground: the ground stays theirs. */
static const struct theme_row dark[INK_COUNT] = {
	[INK_NORMAL] = { OWN, OWN, OWN, OWN, 0, 0 },
	[INK_DIM] = { 245, OWN, OWN, OWN, 0, LOOK_DIM },
	[INK_GOOD] = { 114, OWN, GREEN, OWN, 0, 0 },
	[INK_WARN] = { 221, OWN, YELLOW, OWN, 0, LOOK_BOLD },
	[INK_BAD] = { 210, OWN, RED, OWN, LOOK_BOLD, LOOK_BOLD },
	[INK_NAME] = { OWN, OWN, OWN, OWN, LOOK_BOLD, 0 },
	[INK_HEAD] = { 110, OWN, CYAN, OWN, 0, LOOK_UNDERLINE },
	[INK_BORDER] = { 240, OWN, OWN, OWN, 0, 0 },
	[INK_FOCUS] = { 117, OWN, CYAN, OWN, LOOK_BOLD, LOOK_BOLD },
	[INK_CURSOR] = { 255, 24, WHITE, BLUE, LOOK_BOLD, LOOK_REVERSE },
	[INK_HEADER] = { 252, 236, OWN, OWN, 0, 0 },
	[INK_BADGE_GOOD] = { 16, 77, BLACK, GREEN, LOOK_BOLD, LOOK_BOLD },
	[INK_BADGE_WARN] = { 16, 220, BLACK, YELLOW, LOOK_BOLD, REVERSE_BOLD },
	[INK_BADGE_BAD] = { 231, 160, WHITE, RED, LOOK_BOLD, REVERSE_BOLD },
	[INK_BAR] = { 250, 236, OWN, OWN, 0, 0 },
	[INK_BAR_KEY] = { 117, 236, CYAN, OWN, LOOK_BOLD, LOOK_BOLD },
	[INK_PROMPT] = { 231, 24, WHITE, BLUE, LOOK_BOLD, LOOK_BOLD },
	[INK_MESSAGE] = { 231, 236, OWN, OWN, LOOK_BOLD, LOOK_BOLD },
	[INK_ERROR] = { 231, 160, WHITE, RED, LOOK_BOLD, REVERSE_BOLD },
};

/* For a light ground: the same inks, darker. */
static const struct theme_row light[INK_COUNT] = {
	[INK_NORMAL] = { OWN, OWN, OWN, OWN, 0, 0 },
	[INK_DIM] = { 243, OWN, OWN, OWN, 0, LOOK_DIM },
	[INK_GOOD] = { 28, OWN, GREEN, OWN, 0, 0 },
	[INK_WARN] = { 130, OWN, MAGENTA, OWN, 0, LOOK_BOLD },
	[INK_BAD] = { 160, OWN, RED, OWN, LOOK_BOLD, LOOK_BOLD },
	[INK_NAME] = { OWN, OWN, OWN, OWN, LOOK_BOLD, 0 },
	[INK_HEAD] = { 25, OWN, BLUE, OWN, 0, LOOK_UNDERLINE },
	[INK_BORDER] = { 249, OWN, OWN, OWN, 0, 0 },
	[INK_FOCUS] = { 25, OWN, BLUE, OWN, LOOK_BOLD, LOOK_BOLD },
	[INK_CURSOR] = { 16, 153, WHITE, BLUE, LOOK_BOLD, LOOK_REVERSE },
	[INK_HEADER] = { 235, 253, OWN, OWN, 0, 0 },
	[INK_BADGE_GOOD] = { 231, 28, WHITE, GREEN, LOOK_BOLD, LOOK_BOLD },
	[INK_BADGE_WARN] = { 16, 220, BLACK, YELLOW, LOOK_BOLD, REVERSE_BOLD },
	[INK_BADGE_BAD] = { 231, 160, WHITE, RED, LOOK_BOLD, REVERSE_BOLD },
	[INK_BAR] = { 238, 253, OWN, OWN, 0, 0 },
	[INK_BAR_KEY] = { 25, 253, BLUE, OWN, LOOK_BOLD, LOOK_BOLD },
	[INK_PROMPT] = { 16, 153, WHITE, BLUE, LOOK_BOLD, LOOK_BOLD },
	[INK_MESSAGE] = { 16, 253, OWN, OWN, LOOK_BOLD, LOOK_BOLD },
	[INK_ERROR] = { 231, 160, WHITE, RED, LOOK_BOLD, REVERSE_BOLD },
};

static const struct {
	const char		*name;
	const struct theme_row	*rows;	/* NULL: no colours */
} theme_table[] = {
	{ "dark", dark },
	{ "light", light },
	{ "mono", NULL },
};

size_t
theme_count(void)
{
	return sizeof(theme_table) / sizeof(theme_table[0]);
}

const char *
theme_name(size_t theme)
{
	return theme_table[theme].name;
}

size_t
theme_find(const char *name)
{
	for (size_t i = 0; name != NULL && i < theme_count(); i++)
		if (strcmp(theme_table[i].name, name) == 0)
			return i;
	return 0;
}

struct look
theme_look(size_t theme, enum ink ink, int colours)
{
	const struct theme_row *row = theme_table[theme].rows;

	if (row == NULL || colours < 8)
		return (struct look) { OWN, OWN, dark[ink].mono };
	row += ink;
	if (colours >= 256)
		return (struct look) { row->rich_fg, row->rich_bg, row->attributes };
	/* Where few colours leave an ink none, it looks as in monochrome. */
	return (struct look) { row->plain_fg, row->plain_bg,
		row->plain_fg == OWN && row->plain_bg == OWN ? row->mono : row->attributes };
}
