/* A good table, and no descriptor: nobody can tell what it is without running it. */
#include "well_behaved.h"

static const mysimbdp_batch_v1_t batch = {mysimbdp_create_nothing, well_behaved, mysimbdp_destroy_nothing};

MYSIMBDP_VISIBLE extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;
const mysimbdp_plugin_v1_t mysimbdp_plugin_v1 = {
    MYSIMBDP_MAJOR, MYSIMBDP_MINOR, sizeof(mysimbdp_plugin_v1_t), {"no-descriptor", 13}, {"1", 1}, 0, &batch, NULL, NULL, NULL};
