/* `gatehouse daemon`: starting priv, in front of a terminal or behind it. */
#ifndef DAEMON_H
#define DAEMON_H

/* argv[0] is "daemon".  conf_path is what -f said before the verb, or the
 * default.  Returns an exit code. */
int	 daemon_verb(const char *conf_path, int argc, char **argv);
/* Starts a daemon in the background and waits until it serves. */
int	 daemon_start(const char *conf_path);

#endif
