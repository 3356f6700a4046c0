/* Its constructor ends the process with status 0: a probe that trusts exit codes would call it good. */
#include "well_behaved.h"
#include <stdlib.h>

__attribute__((constructor)) static void arrive(void) { exit(0); }

WELL_BEHAVED("constructor-exits")
