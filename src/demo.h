/* `gatehouse demo`: the lab, with guests at work, around this very binary. */
#ifndef DEMO_H
#define DEMO_H

/* argv[0] is the verb. Returns an exit code, and only if it cannot start. */
int	 demo_main(int argc, char **argv);

#endif
