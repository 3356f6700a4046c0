/* A descriptor that is none, before a good table. */
#include "well_behaved.h"

MYSIMBDP_VISIBLE extern const char mysimbdp_descriptor[];
MYSIMBDP_DESCRIPTOR_SECTION const char mysimbdp_descriptor[] = "\377\376\033[2Jnot a descriptor";

static const mysimbdp_batch_v1_t batch = {mysimbdp_create_nothing, well_behaved, mysimbdp_destroy_nothing};

MYSIMBDP_VISIBLE extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;
const mysimbdp_plugin_v1_t mysimbdp_plugin_v1 = {
    MYSIMBDP_MAJOR, MYSIMBDP_MINOR, sizeof(mysimbdp_plugin_v1_t), {"garbage", 7}, {"1", 1}, 0, &batch, NULL, NULL, NULL};
