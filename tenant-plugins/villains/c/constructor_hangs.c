/* Its constructor never returns. */
#include "well_behaved.h"

__attribute__((constructor)) static void arrive(void) {
    for (volatile int forever = 1; forever;) {
    }
}

WELL_BEHAVED("constructor-hangs")
