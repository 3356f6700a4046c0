/* Built for a major version of the table that this host does not know. */
#include "well_behaved.h"

MYSIMBDP_VISIBLE extern const char mysimbdp_descriptor[];
MYSIMBDP_DESCRIPTOR_SECTION const char mysimbdp_descriptor[] =
    "mysimbdp-descriptor 1\napi=2.0\nname=newer-api\nversion=1\nkinds=batch\ncompiler=by hand\npanic=none\n";

static const mysimbdp_batch_v1_t batch = {mysimbdp_create_nothing, well_behaved, mysimbdp_destroy_nothing};

MYSIMBDP_VISIBLE extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;
const mysimbdp_plugin_v1_t mysimbdp_plugin_v1 = {
    2, 0, sizeof(mysimbdp_plugin_v1_t), {"newer-api", 9}, {"1", 1}, 0, &batch, NULL, NULL, NULL};
