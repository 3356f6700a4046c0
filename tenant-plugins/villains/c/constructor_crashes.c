/* Its constructor dies of a segmentation fault. */
#include "well_behaved.h"

__attribute__((constructor)) static void arrive(void) { *(volatile int *)8 = 1; }

WELL_BEHAVED("constructor-crashes")
