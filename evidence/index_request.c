/* Finding the records of a request, by reading journals: nobody asks often. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evidence/index_layout.h"

/* A journal's file, and when it was last written. */
struct listed {
    char name[JOURNAL_FILE_NAME_BYTES_MAX];
    size_t folder;
    struct timespec written;
};

struct request_search {
    struct evidence_search *asked;
    uint64_t request_id;
    struct listed *listed;
    size_t count, room, told;
    struct index_scan *scan;
    bool no_memory;
};

static int compare_newest_first(const void *a, const void *b)
{
    const struct timespec x = ((const struct listed *)a)->written,
                          y = ((const struct listed *)b)->written;
    if (x.tv_sec != y.tv_sec)
        return x.tv_sec > y.tv_sec ? -1 : 1;
    return (x.tv_nsec < y.tv_nsec) - (x.tv_nsec > y.tv_nsec);
}

static void list_journal(struct request_search *s, size_t folder, int descriptor, const char *name)
{
    struct stat status;
    if (strlen(name) >= sizeof s->listed->name || fstatat(descriptor, name, &status, 0) != 0) {
        s->asked->complete = false;
        return;
    }
    if (status.st_mtim.tv_sec < s->asked->since_us / 1000000)
        return;
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        struct listed *longer = realloc(s->listed, room * sizeof *longer);
        if (!longer) {
            s->no_memory = true;
            return;
        }
        s->listed = longer;
        s->room = room;
    }
    struct listed *listed = &s->listed[s->count++];
    *listed = (struct listed){.folder = folder, .written = status.st_mtim};
    memcpy(listed->name, name, strlen(name) + 1);
}

static void list_folder(struct request_search *s, size_t folder)
{
    struct dirent *entry;
    DIR *directory = opendir(s->asked->folders[folder]);
    while (directory && (errno = 0, entry = readdir(directory)) != NULL)
        if (index_is_journal(entry->d_name))
            list_journal(s, folder, dirfd(directory), entry->d_name);
    if (!directory || errno != 0)
        s->asked->complete = false;
    if (directory)
        closedir(directory);
}

static void read_journal(struct request_search *s, const struct index_journal_file *file)
{
    struct evidence_search *asked = s->asked;
    journal_source_write(&file->header, asked->where.source);
    index_scan_init(s->scan, file->descriptor, JOURNAL_HEADER_BYTES, file->bytes);
    while (s->told < asked->max && index_scan_next(s->scan)) {
        if (s->scan->record.request_id != s->request_id)
            continue;
        asked->where.position = journal_position(file->number, s->scan->record_at);
        asked->each(asked->context, &s->scan->record);
        s->told++;
    }
    if (s->scan->damaged || s->scan->failed)
        asked->complete = false;
}

static void read_listed(struct request_search *s, const struct listed *listed)
{
    struct index_journal_file file;
    int folder = open(s->asked->folders[listed->folder], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum index_journal opened =
        folder < 0 ? INDEX_JOURNAL_FAILED : index_journal_open(folder, listed->name, &file);
    if (opened == INDEX_JOURNAL_OPEN) {
        read_journal(s, &file);
        close(file.descriptor);
    } else if (opened != INDEX_JOURNAL_BEGUN) {
        s->asked->complete = false;
    }
    if (folder >= 0)
        close(folder);
}

bool evidence_find_request(struct evidence_search *asked, uint64_t request_id)
{
    struct request_search s = {
        .asked = asked, .request_id = request_id, .scan = malloc(sizeof *s.scan)};
    s.no_memory = !s.scan;
    asked->complete = true;
    for (size_t i = 0; i < asked->folder_count && !s.no_memory; i++)
        if (!journal_folder_again(asked->folders, i))
            list_folder(&s, i);
    if (!s.no_memory) {
        if (s.count)
            qsort(s.listed, s.count, sizeof *s.listed, compare_newest_first);
        for (size_t i = 0; i < s.count && s.told < asked->max; i++)
            read_listed(&s, &s.listed[i]);
        if (s.told == asked->max)
            asked->complete = false;
    }
    free(s.listed);
    free(s.scan);
    return !s.no_memory;
}
