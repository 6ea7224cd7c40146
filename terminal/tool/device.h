/* The device as one enrolled terminal: its folder, its settings, and the library over both. */
#ifndef TERMINAL_TOOL_DEVICE_H
#define TERMINAL_TOOL_DEVICE_H

#include "terminal/jwbterminal.h"
#include "terminal/tool/folder.h"

#define DEVICE_GATEWAY_BYTES_MAX 255
#define DEVICE_CLIENT_BYTES_MAX  64
#define DEVICE_LISTS_MAX         64 /* of 2^20 licences each; the library's limit */
#define DEVICE_CA_FILE           "ca.pem"

struct device {
    struct folder folder;
    /* Of the file settings.json; gateway is empty before enrolment. */
    char gateway[DEVICE_GATEWAY_BYTES_MAX + 1]; /* its origin: https://host[:port] */
    char client[DEVICE_CLIENT_BYTES_MAX + 1];   /* this terminal's id there */
    char ca[FOLDER_PATH_BYTES_MAX + 16];        /* file of its authorities; empty: the system's. The
                                                   folder's, if it has one, except while it enrols */
    bool commercial;                            /* its root keys are of SM2: so is what is kept */
    struct jwbt *terminal;                      /* while in use */
};

/* `folder` as of folder_open. `create`: for enrolment; else a terminal that is not enrolled is a
 * complaint. False after a complaint. */
bool device_open(struct device *device, const char *folder, bool create);
void device_close(struct device *device);
/* Durably. False after a complaint. */
bool device_save(const struct device *device);
/* https://, a host, perhaps a port, nothing behind. */
bool device_gateway_valid(const char *origin);

/* One process at a time may use what the folder holds. Between these two calls it is this one:
 * others wait up to DEVICE_WAIT_S. NULL after a complaint. A second call changes nothing. */
#define DEVICE_WAIT_S 10
struct jwbt *device_use(struct device *device);
void device_rest(struct device *device);

#endif
