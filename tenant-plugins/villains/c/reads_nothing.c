/* Says that it is done without having looked at its file. */
#include "well_behaved.h"

WELL_BEHAVED("reads-nothing")
