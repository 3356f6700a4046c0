/* A table whose name is not the one that its descriptor tells. */
#include "well_behaved.h"

MYSIMBDP_VISIBLE extern const char mysimbdp_descriptor[];
MYSIMBDP_DESCRIPTOR_SECTION const char mysimbdp_descriptor[] =
    "mysimbdp-descriptor 1\napi=1.0\nname=honest-name\nversion=1\nkinds=batch\ncompiler=by hand\npanic=none\n";

static const mysimbdp_batch_v1_t batch = {mysimbdp_create_nothing, well_behaved, mysimbdp_destroy_nothing};

MYSIMBDP_VISIBLE extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;
const mysimbdp_plugin_v1_t mysimbdp_plugin_v1 = {
    MYSIMBDP_MAJOR, MYSIMBDP_MINOR, sizeof(mysimbdp_plugin_v1_t), {"other-name", 10}, {"1", 1}, 0, &batch, NULL, NULL, NULL};
