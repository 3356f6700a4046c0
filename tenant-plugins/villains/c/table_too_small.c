/* A table that says it is shorter than version 1 is. */
#include "well_behaved.h"

MYSIMBDP_VISIBLE extern const char mysimbdp_descriptor[];
MYSIMBDP_DESCRIPTOR_SECTION const char mysimbdp_descriptor[] =
    "mysimbdp-descriptor 1\napi=1.0\nname=table-too-small\nversion=1\nkinds=batch\ncompiler=by hand\npanic=none\n";

static const mysimbdp_batch_v1_t batch = {mysimbdp_create_nothing, well_behaved, mysimbdp_destroy_nothing};

MYSIMBDP_VISIBLE extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;
const mysimbdp_plugin_v1_t mysimbdp_plugin_v1 = {
    MYSIMBDP_MAJOR, MYSIMBDP_MINOR, 16, {"table-too-small", 15}, {"1", 1}, 0, &batch, NULL, NULL, NULL};
