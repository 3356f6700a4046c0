/*
 * Runs mysimbdp_csv.h against a host that writes down what it is told.
 *
 *   rows file...               the rows of each file
 *   rows -d ; -m 100 -n -r     other delimiter, longest row, no header, ragged rows allowed (for the files that follow)
 *   rows -j 2:10:3 -s 5 file   next_start answers JUMP to these starts, then STOP; row_begin answers SKIP to these numbers
 *   rows -f 1.5 -i 12 -t ..    what the parsers of numbers and times say
 */
#include "mysimbdp_csv.h"

#include <fcntl.h>
#include <sys/stat.h>

typedef struct {
    mysimbdp_start_v1_t jumps[16];
    int jump_count;
    int jumps_done;
    uint64_t skips[16];
    int skip_count;
    uint64_t number;
} fake_t;

static void print_bytes(mysimbdp_bytes_t bytes) {
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    size_t index;
    for (index = 0; index < bytes.len; index++) {
        printf("%02x", at[index]);
    }
}

static int32_t fake_emit(void *ctx, mysimbdp_bytes_t document) {
    (void)ctx;
    (void)document;
    return MYSIMBDP_OK;
}

static int32_t fake_row_begin(void *ctx, const mysimbdp_row_v1_t *row) {
    fake_t *fake = (fake_t *)ctx;
    int index;
    fake->number = row->number != 0 ? row->number : fake->number + 1;
    for (index = 0; index < fake->skip_count; index++) {
        if (fake->skips[index] == fake->number) {
            printf("skip %lu\n", (unsigned long)fake->number);
            return MYSIMBDP_SKIP;
        }
    }
    printf("begin %lu %lu %lu %lu\n", (unsigned long)fake->number, (unsigned long)row->start, (unsigned long)row->end,
           (unsigned long)row->line);
    return MYSIMBDP_OK;
}

static int32_t fake_row_end(void *ctx, uint64_t end) {
    (void)ctx;
    (void)end;
    printf("end\n");
    return MYSIMBDP_OK;
}

static int32_t fake_row_reject(void *ctx, mysimbdp_bytes_t reason) {
    (void)ctx;
    printf("reject %.*s\n", (int)reason.len, (const char *)reason.ptr);
    return MYSIMBDP_OK;
}

static int32_t fake_next_start(void *ctx, mysimbdp_start_v1_t *start) {
    fake_t *fake = (fake_t *)ctx;
    if (fake->jump_count == 0) {
        return MYSIMBDP_OK;
    }
    if (fake->jumps_done == fake->jump_count) {
        return MYSIMBDP_STOP;
    }
    *start = fake->jumps[fake->jumps_done++];
    return MYSIMBDP_JUMP;
}

static void fake_log(void *ctx, uint32_t level, mysimbdp_bytes_t message) {
    (void)ctx;
    (void)level;
    (void)message;
}

static int32_t fake_progress(void *ctx, uint64_t position) {
    (void)ctx;
    (void)position;
    return MYSIMBDP_OK;
}

static void fake_fail(void *ctx, mysimbdp_bytes_t reason) {
    (void)ctx;
    printf("fail %.*s\n", (int)reason.len, (const char *)reason.ptr);
}

static mysimbdp_bytes_t fake_last_error(void *ctx) {
    (void)ctx;
    return mysimbdp_text("refused");
}

static void rows(fake_t *fake, const char *path, const mysimbdp_csv_options_t *options) {
    mysimbdp_host_v1_t host = {sizeof(mysimbdp_host_v1_t), NULL, fake_emit, fake_row_begin, fake_row_end, fake_row_reject,
                               fake_next_start, fake_log, fake_progress, fake_fail, fake_last_error};
    mysimbdp_input_v1_t input;
    mysimbdp_csv_t csv;
    struct stat about;
    int32_t status;
    size_t index;
    host.ctx = fake;
    input.name = mysimbdp_text("data.csv");
    input.fd = open(path, O_RDONLY);
    if (input.fd < 0 || fstat(input.fd, &about) != 0) {
        perror(path);
        exit(2);
    }
    input.size = (uint64_t)about.st_size;
    printf("open\n");
    fake->number = 0;
    status = mysimbdp_csv_open(&csv, &host, &input, options);
    for (index = 0; index < csv.name_count; index++) {
        printf(index == 0 ? "header " : ",");
        print_bytes(mysimbdp_csv_name(&csv, index));
    }
    if (csv.name_count != 0) {
        printf("\n");
    }
    while (status == MYSIMBDP_OK && mysimbdp_csv_next(&csv)) {
        printf("row %lu ", (unsigned long)csv.number);
        for (index = 0; index < csv.field_count; index++) {
            if (index != 0) {
                printf(",");
            }
            print_bytes(mysimbdp_csv_field(&csv, index));
        }
        printf("\n");
    }
    printf("status %ld\n", (long)mysimbdp_csv_close(&csv, status));
    (void)close(input.fd);
}

int main(int argc, char **argv) {
    mysimbdp_csv_options_t options = MYSIMBDP_CSV_DEFAULTS;
    fake_t fake;
    int index;
    memset(&fake, 0, sizeof fake);
    for (index = 1; index < argc; index++) {
        if (strcmp(argv[index], "-d") == 0) {
            options.delimiter = argv[++index][0];
        } else if (strcmp(argv[index], "-m") == 0) {
            options.max_record = (size_t)atol(argv[++index]);
        } else if (strcmp(argv[index], "-n") == 0) {
            options.no_header = 1;
        } else if (strcmp(argv[index], "-r") == 0) {
            options.allow_ragged = 1;
        } else if (strcmp(argv[index], "-j") == 0) {
            unsigned long number, offset, line;
            if (sscanf(argv[++index], "%lu:%lu:%lu", &number, &offset, &line) == 3) {
                fake.jumps[fake.jump_count].number = number;
                fake.jumps[fake.jump_count].offset = offset;
                fake.jumps[fake.jump_count++].line = line;
            }
        } else if (strcmp(argv[index], "-s") == 0) {
            fake.skips[fake.skip_count++] = (uint64_t)atol(argv[++index]);
        } else if (strcmp(argv[index], "-f") == 0) {
            double number;
            if (mysimbdp_parse_double(mysimbdp_text(argv[++index]), &number)) {
                uint64_t bits;
                memcpy(&bits, &number, sizeof bits);
                printf("%016lx\n", (unsigned long)bits);
            } else {
                printf("no\n");
            }
        } else if (strcmp(argv[index], "-i") == 0) {
            int64_t number;
            if (mysimbdp_parse_int64(mysimbdp_text(argv[++index]), &number)) {
                printf("%ld\n", (long)number);
            } else {
                printf("no\n");
            }
        } else if (strcmp(argv[index], "-t") == 0) {
            int64_t time;
            if (mysimbdp_parse_datetime(mysimbdp_text(argv[++index]), &time)) {
                printf("%ld\n", (long)time);
            } else {
                printf("no\n");
            }
        } else {
            rows(&fake, argv[index], &options);
        }
    }
    return 0;
}
