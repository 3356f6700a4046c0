/* A batch app whose entries are null. */
#include "mysimbdp_plugin.h"

MYSIMBDP_EXPORT_BATCH("table-null-entry", "1.0.0", 0, NULL, NULL, NULL)
