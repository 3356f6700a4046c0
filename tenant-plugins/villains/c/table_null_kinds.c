/* A table that provides nothing at all. */
#include "mysimbdp_plugin.h"

MYSIMBDP_EXPORT_APP("table-null-kinds", "1.0.0", "batch", 0, NULL, NULL, NULL, NULL)
