/* Its destructor never returns: whoever waits for it to leave by itself waits forever. */
#include "well_behaved.h"

__attribute__((destructor)) static void leave(void) {
    for (volatile int forever = 1; forever;) {
    }
}

WELL_BEHAVED("destructor-hangs")
