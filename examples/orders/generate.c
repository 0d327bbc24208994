/* generate.c - orders-generate: as many believable orders as you ask for, as lines of JSON for
 * `factum import -`. Layer: example.
 *
 *     orders-generate [--orders N] [--seed S] [--first ID]
 *
 * Orders are placed over the year 2025. Then each goes its own way: payments in one or two parts,
 * some refused and tried again, orders that are never paid and cancelled, deliveries, returns of
 * all or a part, refunds. Lines are in order of time, as a shop would have written them, so many
 * orders are under way at once. The same arguments print the same bytes on every machine: only
 * integers, no clock, no random numbers of a library.
 *
 * Memory: one small record for each order under way (about a tenth of all).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <factum/factum.h>

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define YEAR_START (INT64_C(1735689600) * SECOND) /* 2025-01-01T00:00:00Z */
#define LINES_MAX 5

enum life { PAY, RETRY, SECOND_PART, CANCEL, SHIP, DELIVER, RETURN, REFUND, OVER };

/* An order under way: what happens to it next, and when. */
struct pending {
    int64_t time;
    uint64_t id;
    uint64_t random; /* its own stream of random numbers */
    int64_t total;
    int64_t open;
    int64_t returned;
    int64_t first_line;
    uint32_t payments;
    enum life next;
};

/* A binary heap: the earliest first, ties by order number. */
struct queue {
    struct pending *items;
    size_t count;
    size_t room;
};

static const struct {
    const char *name;
    int64_t cents;
} products[] = {
    {"Desk lamp", 3490},      {"Notebook, ruled", 450}, {"Fountain pen", 2795},
    {"Coffee grinder", 5900}, {"Teapot, 1 l", 2450},    {"Wool blanket", 7900},
    {"Rucksack, 24 l", 8950}, {"Water bottle", 1890},   {"Bicycle lock", 4500},
    {"Rain jacket", 12900},   {"Running shoes", 10995}, {"Chess set", 3999},
    {"Headphones", 14900},    {"Keyboard", 8990},       {"USB cable, 2 m", 990},
    {"Wall clock", 2290},     {"Plant pot", 1250},      {"Garden shears", 1995},
    {"Cast iron pan", 4490},  {"Chef's knife", 6900},
};
static const char *const methods[] = {"card", "card", "card", "transfer", "wallet"};
static const char *const refusals[] = {"insufficient funds", "card expired", "declined by issuer"};
static const char *const carriers[] = {"Speedy Express", "United Package", "Federal Shipping"};
static const char *const reasons[] = {"does not fit", "damaged in transit", "not as described",
                                      "changed my mind"};

/* splitmix64 */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to |bound| - 1. */
static uint64_t below(uint64_t *state, uint64_t bound)
{
    return draw(state) % bound;
}

static bool chance(uint64_t *state, uint64_t percent)
{
    return below(state, 100) < percent;
}

/* Whole seconds from |from| to |to|. */
static int64_t between(uint64_t *state, int64_t from, int64_t to)
{
    uint64_t seconds = (uint64_t)((to - from) / SECOND);
    return from + (int64_t)below(state, seconds + 1) * SECOND;
}

static bool earlier(const struct pending *a, const struct pending *b)
{
    return a->time != b->time ? a->time < b->time : a->id < b->id;
}

static bool queue_push(struct queue *queue, const struct pending *item)
{
    if (queue->count == queue->room) {
        size_t room = queue->room == 0 ? 1024 : queue->room * 2;
        struct pending *items = realloc(queue->items, room * sizeof *items);
        if (items == NULL) {
            return false;
        }
        queue->items = items;
        queue->room = room;
    }
    size_t at = queue->count++;
    while (at > 0 && earlier(item, &queue->items[(at - 1) / 2])) {
        queue->items[at] = queue->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->items[at] = *item;
    return true;
}

static struct pending queue_pop(struct queue *queue)
{
    struct pending first = queue->items[0];
    const struct pending last = queue->items[--queue->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= queue->count) {
            break;
        }
        if (child + 1 < queue->count && earlier(&queue->items[child + 1], &queue->items[child])) {
            child++;
        }
        if (!earlier(&queue->items[child], &last)) {
            break;
        }
        queue->items[at] = queue->items[child];
        at = child;
    }
    queue->items[at] = last;
    return first;
}

/* The start of a line, up to the members of data. */
static void begin(const struct pending *order, const char *type)
{
    char time[FACTUM_TIME_TEXT_SIZE];
    factum_time_format(order->time, time);
    printf("{\"stream\":\"order-%" PRIu64 "\",\"type\":\"%s\",\"time\":\"%s\",\"data\":{"
           "\"orderId\":%" PRIu64,
           order->id, type, time, order->id);
}

static void print_lines(struct pending *order)
{
    uint64_t count = 1 + below(&order->random, LINES_MAX);
    printf(",\"lines\":[");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t product = below(&order->random, sizeof products / sizeof products[0]);
        int64_t quantity = 1 + (int64_t)below(&order->random, chance(&order->random, 80) ? 2 : 9);
        int64_t cents = products[product].cents * quantity;
        printf("%s{\"product\":\"%s\",\"unitPriceCents\":%" PRId64 ",\"quantity\":%" PRId64 "}",
               i == 0 ? "" : ",", products[product].name, products[product].cents, quantity);
        order->total += cents;
        if (i == 0) {
            order->first_line = cents;
        }
    }
    order->open = order->total;
    printf("],\"totalCents\":%" PRId64, order->total);
}

static void place(struct pending *order, uint64_t orders)
{
    /* Some customers come often: the smaller of two draws. */
    uint64_t customers = orders / 4 + 1;
    uint64_t one = below(&order->random, customers);
    uint64_t other = below(&order->random, customers);
    uint64_t customer = 1000 + (one < other ? one : other);
    begin(order, "OrderPlaced");
    printf(",\"customerId\":\"C%" PRIu64 "\"", customer);
    print_lines(order);
    printf("},\"tags\":[\"customer:C%" PRIu64 "\"]}\n", customer);
    order->next = chance(&order->random, 3) ? CANCEL : PAY;
    int64_t wait = chance(&order->random, 70) ? HOUR / 6 : 3 * DAY;
    order->time += order->next == CANCEL ? 14 * DAY : between(&order->random, 5 * SECOND, wait);
}

static void fail_payment(struct pending *order)
{
    uint64_t *random = &order->random;
    begin(order, "PaymentFailed");
    printf(",\"reason\":\"%s\",\"amountCents\":%" PRId64 "}}\n", refusals[below(random, 3)],
           order->open);
    order->next = chance(random, 15) ? CANCEL : RETRY;
    order->time += order->next == CANCEL ? 7 * DAY : between(random, HOUR / 60, 2 * DAY);
}

static void receive_payment(struct pending *order)
{
    uint64_t *random = &order->random;
    int64_t amount = order->open;
    if (order->next != SECOND_PART && chance(random, 8)) {
        amount = order->open / 2; /* a deposit; the rest follows, or never comes */
    }
    order->payments++;
    order->open -= amount;
    begin(order, "PaymentReceived");
    printf(",\"paymentId\":\"P%" PRIu64 "-%u\",\"method\":\"%s\",\"amountCents\":%" PRId64 "}}\n",
           order->id, order->payments, methods[below(random, 5)], amount);
    if (order->open > 0) {
        order->next = chance(random, 90) ? SECOND_PART : OVER;
        order->time += between(random, DAY, 20 * DAY);
    } else {
        order->next = SHIP;
        order->time += between(random, 4 * HOUR, 3 * DAY);
    }
}

static void cancel(struct pending *order)
{
    begin(order, "OrderCancelled");
    printf(",\"reason\":\"not paid in time\"}}\n");
    order->next = OVER;
}

static void ship(struct pending *order)
{
    uint64_t *random = &order->random;
    uint32_t parcel = (uint32_t)(draw(random) >> 32); /* one draw a statement: the order counts */
    begin(order, "OrderShipped");
    printf(",\"carrier\":\"%s\",\"parcel\":\"%08" PRIX32 "\"}}\n", carriers[below(random, 3)],
           parcel);
    order->next = chance(random, 99) ? DELIVER : OVER; /* one in a hundred is lost */
    order->time += between(random, 12 * HOUR, 6 * DAY);
}

static void deliver(struct pending *order)
{
    uint64_t *random = &order->random;
    begin(order, "OrderDelivered");
    printf(",\"signed\":%s}}\n", chance(random, 40) ? "true" : "false");
    order->next = chance(random, 7) ? RETURN : OVER;
    order->time += between(random, DAY, 30 * DAY);
}

static void return_goods(struct pending *order)
{
    uint64_t *random = &order->random;
    order->returned = chance(random, 50) ? order->first_line : order->total;
    begin(order, "OrderReturned");
    printf(",\"reason\":\"%s\",\"amountCents\":%" PRId64 "}}\n", reasons[below(random, 4)],
           order->returned);
    order->next = REFUND;
    order->time += between(random, HOUR, 5 * DAY);
}

static void refund(struct pending *order)
{
    begin(order, "PaymentRefunded");
    printf(",\"amountCents\":%" PRId64 "}}\n", order->returned);
    order->next = OVER;
}

/* Does the next thing for |order|; true if more follows. */
static bool live(struct pending *order)
{
    switch (order->next) {
    case PAY:
    case RETRY:
        if (chance(&order->random, order->next == PAY ? 6 : 20)) {
            fail_payment(order);
        } else {
            receive_payment(order);
        }
        break;
    case SECOND_PART:
        receive_payment(order);
        break;
    case CANCEL:
        cancel(order);
        break;
    case SHIP:
        ship(order);
        break;
    case DELIVER:
        deliver(order);
        break;
    case RETURN:
        return_goods(order);
        break;
    case REFUND:
        refund(order);
        break;
    case OVER:
        break;
    }
    return order->next != OVER;
}

static bool live_until(struct queue *queue, int64_t time)
{
    while (queue->count > 0 && queue->items[0].time <= time) {
        struct pending order = queue_pop(queue);
        if (live(&order) && !queue_push(queue, &order)) {
            return false;
        }
    }
    return true;
}

static bool generate(uint64_t orders, uint64_t seed, uint64_t first)
{
    struct queue queue = {0};
    uint64_t random = seed;
    uint64_t step = 365 * UINT64_C(86400) * 1000 / orders; /* ms from one order to the next */
    bool well = true;
    for (uint64_t i = 0; i < orders && well; i++) {
        uint64_t ms = i * step + below(&random, step + 1);
        struct pending order = {
            .time = YEAR_START + (int64_t)(ms / 1000) * SECOND,
            .id = first + i,
            .random = draw(&random),
        };
        well = live_until(&queue, order.time);
        place(&order, orders);
        well = well && queue_push(&queue, &order);
    }
    well = well && live_until(&queue, INT64_MAX);
    free(queue.items);
    return well;
}

static bool number(const char *text, uint64_t *value)
{
    char *end;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

int main(int argc, char **argv)
{
    uint64_t orders = 1000;
    uint64_t seed = 1;
    uint64_t first = 1;
    bool well = true;
    for (int i = 1; i < argc && well; i += 2) {
        uint64_t *option = strcmp(argv[i], "--orders") == 0  ? &orders
                           : strcmp(argv[i], "--seed") == 0  ? &seed
                           : strcmp(argv[i], "--first") == 0 ? &first
                                                             : NULL;
        well = option != NULL && i + 1 < argc && number(argv[i + 1], option);
    }
    if (!well || orders == 0 || orders > UINT64_C(1000000000)) {
        fprintf(stderr, "usage: orders-generate [--orders N] [--seed S] [--first ID]\n"
                        "N from 1 to 1000000000; prints events as lines of JSON\n");
        return 2;
    }
    if (!generate(orders, seed, first)) {
        fprintf(stderr, "orders-generate: out of memory\n");
        return 1;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "orders-generate: cannot write\n");
        return 1;
    }
    return 0;
}
