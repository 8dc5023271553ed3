/* Modbus TCP devices that are never the bottleneck: modbus_devices PORT DEVICES
 *
 * Device n listens on 127.0.n/250.n%250+1. Holding registers 2i and 2i+1 of each hold a float32, ABCD:
 *
 *     4096 * i + monotonic seconds modulo 4096, cut to 1/32 s        for i below 100
 *
 * so that whoever reads it can tell which point it is and how old. Commands on stdin, one a line: "take" answers with
 * the number of requests since the last take and with as many records (native byte order: double monotonic seconds,
 * uint32 device, uint16 address, uint16 count); "mute" and "speak" say whether requests are answered.
 * It ends when stdin does. Only reads of holding registers (function 3) are answered, others by exception 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_DEVICES = 1000, MOST_FILES = 16384, HEAD = 7, POINTS = 100 };

struct record {
    double at;
    uint32_t device;
    uint16_t address, count;
};

struct connection {
    uint32_t device;
    size_t filled;
    uint8_t bytes[4096];
};

static struct connection *connections[MOST_FILES];
static int32_t listens[MOST_FILES]; /* device + 1 */
static struct record *records;
static size_t taken, room;
static int mute;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void end(const char *what) {
    perror(what);
    exit(1);
}

static void note(double at, uint32_t device, uint16_t address, uint16_t count) {
    if (taken == room) {
        room = room ? 2 * room : 65536;
        records = realloc(records, room * sizeof *records);
        if (!records)
            end("records");
    }
    records[taken++] = (struct record){at, device, address, count};
}

static void watch(int poll, int file) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
    if (file >= MOST_FILES || epoll_ctl(poll, EPOLL_CTL_ADD, file, &event))
        end("epoll_ctl");
}

static void listen_on(int poll, uint32_t device, uint16_t port) {
    int file = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(0x7f000000u | device / 250 << 8 | (device % 250 + 1));
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (file < 0 || bind(file, (struct sockaddr *)&address, sizeof address) || listen(file, 64))
        end("listen");
    watch(poll, file);
    listens[file] = (int32_t)device + 1;
}

static void welcome(int poll, int listener) {
    int file = accept4(listener, NULL, NULL, SOCK_NONBLOCK), yes = 1;
    if (file < 0)
        return;
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(poll, file);
    connections[file] = calloc(1, sizeof *connections[file]);
    if (!connections[file])
        end("connection");
    connections[file]->device = (uint32_t)listens[listener] - 1;
}

/* The answer to one whole request, behind *to*; gives its length. */
static size_t answer(const uint8_t *request, uint8_t *to, uint32_t device) {
    uint16_t address = (uint16_t)(request[8] << 8 | request[9]), count = (uint16_t)(request[10] << 8 | request[11]);
    double at = now();
    note(at, device, address, count);
    memcpy(to, request, 8);
    if (request[7] != 3 || count < 1 || count > 125 || address + count > 2 * POINTS) {
        to[4] = 0, to[5] = 3, to[7] = request[7] | 0x80, to[8] = request[7] != 3 ? 1 : count < 1 || count > 125 ? 3 : 2;
        return 9;
    }
    to[4] = (uint8_t)((3 + 2 * count) >> 8), to[5] = (uint8_t)(3 + 2 * count), to[8] = (uint8_t)(2 * count);
    float since = (float)(floor(fmod(at, 4096.0) * 32.0) / 32.0);
    for (uint16_t place = 0; place < count; place++) {
        uint16_t in_table = (uint16_t)(address + place);
        float value = 4096.0f * (float)(in_table / 2) + since;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint16_t word = (uint16_t)(in_table % 2 ? bits : bits >> 16);
        to[9 + 2 * place] = (uint8_t)(word >> 8), to[10 + 2 * place] = (uint8_t)word;
    }
    return 9 + 2 * (size_t)count;
}

static void serve(int file) {
    struct connection *from = connections[file];
    uint8_t out[4096 / 12 * (9 + 250)];
    size_t used = 0, filled = 0;
    ssize_t came = recv(file, from->bytes + from->filled, sizeof from->bytes - from->filled, 0);
    if (came <= 0) {
        if (came < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        close(file);
        free(from);
        connections[file] = NULL;
        return;
    }
    from->filled += (size_t)came;
    while (from->filled - used >= HEAD) {
        size_t size = 6 + (size_t)(from->bytes[used + 4] << 8 | from->bytes[used + 5]);
        if (from->filled - used < size)
            break;
        if (size == 12 && !mute)
            filled += answer(from->bytes + used, out + filled, from->device);
        used += size;
    }
    memmove(from->bytes, from->bytes + used, from->filled - used);
    from->filled -= used;
    if (filled && send(file, out, filled, MSG_NOSIGNAL) != (ssize_t)filled)
        shutdown(file, SHUT_RDWR);
}

/* Commands on stdin; gives 0 when it ended. */
static int obey(void) {
    char line[64];
    ssize_t came = read(0, line, sizeof line - 1);
    if (came <= 0)
        return 0;
    line[came] = 0;
    if (!strncmp(line, "take", 4)) {
        printf("%zu\n", taken);
        fwrite(records, sizeof *records, taken, stdout);
        taken = 0;
    } else {
        mute = !strncmp(line, "mute", 4);
        printf("0\n");
    }
    fflush(stdout);
    return 1;
}

int main(int count, char **given) {
    int poll = epoll_create1(0);
    if (count != 3 || atoi(given[2]) < 1 || atoi(given[2]) > MOST_DEVICES) {
        fprintf(stderr, "usage: modbus_devices PORT DEVICES\n");
        return 2;
    }
    for (uint32_t device = 0; device < (uint32_t)atoi(given[2]); device++)
        listen_on(poll, device, (uint16_t)atoi(given[1]));
    watch(poll, 0);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int found = epoll_wait(poll, events, 256, -1);
        for (int place = 0; place < found; place++) {
            int file = events[place].data.fd;
            if (file == 0) {
                if (!obey())
                    return 0;
            } else if (listens[file])
                welcome(poll, file);
            else if (connections[file])
                serve(file);
        }
    }
}
