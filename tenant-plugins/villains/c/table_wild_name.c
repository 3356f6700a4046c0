/* A table whose name lies outside of any memory. */
#include "mysimbdp_plugin.h"

MYSIMBDP_VISIBLE extern const char mysimbdp_descriptor[];
MYSIMBDP_DESCRIPTOR_SECTION const char mysimbdp_descriptor[] =
    "mysimbdp-descriptor 1\napi=1.0\nname=table-wild-name\nversion=1\nkinds=batch\ncompiler=by hand\npanic=none\n";

MYSIMBDP_VISIBLE extern const mysimbdp_plugin_v1_t mysimbdp_plugin_v1;
const mysimbdp_plugin_v1_t mysimbdp_plugin_v1 = {
    MYSIMBDP_MAJOR, MYSIMBDP_MINOR, sizeof(mysimbdp_plugin_v1_t), {(const void *)8, 1000}, {"1", 1}, 0, NULL, NULL, NULL, NULL};
