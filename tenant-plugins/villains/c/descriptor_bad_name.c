/* A name that would be a path. */
#include "well_behaved.h"

WELL_BEHAVED("../../etc/passwd")
