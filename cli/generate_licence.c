#include "cli/generate_licence.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "protocol/identifier.h"

/* No area of China has this code, so that a number in it is nobody's (GB/T 2260: 4108 is Jiaozuo).
 */
#define AREA "410899"

/* Birthdays from 1950-01-01 on, and 999 serials a day: each citizen number once, up to 17 million.
 */
#define BIRTHDAY_FIRST (-7305)
#define BIRTHDAYS      17000
#define SERIALS        999
#define SCATTER_PRIME  9973 /* divides none of them, so that multiples meet every number */

uint64_t generate_next(struct generate_random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t generate_below(struct generate_random *random, uint64_t bound)
{
    return generate_next(random) % bound;
}

bool generate_chance(struct generate_random *random, unsigned percent)
{
    return generate_below(random, 100) < percent;
}

/* ---- types ---- */
enum number_form {
    NUMBER_OF_HOLDER, /* the holder's own number, with an end */
    NUMBER_SERIAL,    /* beginning, seven digits, end */
};

static const struct {
    const char *name, *issuer;
    unsigned issuer_index; /* the same authority issues several types */
    bool enterprise;
    int years; /* of validity; 0: long-term */
    enum number_form form;
    const char *begin, *end;
} types[] = {
    {"机动车驾驶证", "焦作市公安局交通警察支队", 1, false, 6, NUMBER_OF_HOLDER, "", ""},
    {"社会保障卡", "焦作市人力资源和社会保障局", 2, false, 10, NUMBER_SERIAL, "H", ""},
    {"残疾人证", "焦作市残疾人联合会", 3, false, 10, NUMBER_OF_HOLDER, "", "43"},
    {"居住证", "焦作市公安局", 4, false, 1, NUMBER_OF_HOLDER, "", ""},
    {"不动产权证", "焦作市自然资源和规划局", 5, false, 0, NUMBER_SERIAL,
     "豫（2021）焦作市不动产权第", "号"},
    {"道路运输从业人员从业资格证", "焦作市交通运输局", 6, false, 6, NUMBER_SERIAL, AREA "000000",
     ""},
    {"出生医学证明", "焦作市卫生健康委员会", 7, false, 0, NUMBER_SERIAL, "T41", ""},
    {"营业执照", "焦作市市场监督管理局", 8, true, 0, NUMBER_OF_HOLDER, "", ""},
    {"道路运输证", "焦作市交通运输局", 6, true, 4, NUMBER_SERIAL, "豫交运管焦字41089", "号"},
    {"食品经营许可证", "焦作市市场监督管理局", 8, true, 5, NUMBER_SERIAL, "JY1" AREA, ""},
    {"道路运输经营许可证", "焦作市交通运输局", 6, true, 4, NUMBER_SERIAL, AREA "1", ""},
};
#define PERSON_TYPES     7
#define ENTERPRISE_TYPES (sizeof types / sizeof types[0] - PERSON_TYPES)

/* ---- holders ---- */
static const char *const surnames[] = {
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙",   "马",   "朱",
    "胡", "郭", "何", "高", "林", "罗", "郑", "梁", "谢", "宋", "唐", "许",   "韩",   "冯",
    "邓", "曹", "彭", "曾", "田", "董", "潘", "袁", "蔡", "蒋", "余", "欧阳", "司马", "诸葛"};
static const char *const given[] = {
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛",
    "明", "超", "霞", "平", "刚", "桂", "英", "华", "玉", "兰", "红", "建", "国", "文", "志",
    "海", "春", "梅", "云", "山", "河", "晓", "东", "子", "涵", "雨", "轩", "思", "怡", "䶮"};
static const char *const far_given[] = {"阿依古丽", "买买提", "古丽娜尔",
                                        "艾力",     "扎西",   "帕提古丽"};
static const char *const far_family[] = {"吐尔逊", "阿不都拉", "买买提",
                                         "尼玛",   "卓玛",     "艾合买提"};
static const char *const trade_names[] = {"云台", "太行", "怀川", "山阳", "沁河",
                                          "竹林", "覃怀", "韩愈", "月山", "丹水"};
static const char *const second_names[] = {"兴", "和", "盛", "源", "泰",
                                           "顺", "达", "恒", "信", "安"};
static const char *const trades[] = {"商贸", "物流", "餐饮", "运输", "食品",
                                     "建材", "农业", "科技", "超市", "机械"};

#define PICK(random, table) (table)[generate_below((random), sizeof(table) / sizeof(table)[0])]

static void invent_name(struct generate_random *random, char *out, size_t cap)
{
    if (generate_chance(random, 2)) {
        const char *first = PICK(random, far_given), *second = PICK(random, far_family);
        snprintf(out, cap, "%s·%s", first, second);
        return;
    }
    const char *surname = PICK(random, surnames), *one = PICK(random, given);
    const char *two = generate_chance(random, 70) ? PICK(random, given) : "";
    snprintf(out, cap, "%s%s%s", surname, one, two);
}

static void invent_citizen(struct generate_world *w, char name[160], char number[19])
{
    uint64_t slot = (w->scatter + w->holders * SCATTER_PRIME) % ((uint64_t)BIRTHDAYS * SERIALS);
    int year, month, day;
    civil_from_days(BIRTHDAY_FIRST + (int32_t)(slot / SERIALS), &year, &month, &day);
    snprintf(number, 19, AREA "%04u%02u%02u%03u", (unsigned)year % 10000, (unsigned)month % 100,
             (unsigned)day % 100, (unsigned)(slot % SERIALS) + 1);
    number[17] = citizen_number_check(number);
    number[18] = 0;
    invent_name(&w->random, name, 160);
}

static void invent_enterprise(struct generate_world *w)
{
    struct generate_holder *h = &w->holder;
    const char *trade_name = PICK(&w->random, trade_names),
               *second = PICK(&w->random, second_names);
    const char *quote = generate_chance(&w->random, 2) ? "\"" : "";
    snprintf(h->name, sizeof h->name, "焦作市%s%s%s%s%s有限公司", quote, trade_name, second, quote,
             PICK(&w->random, trades));
    snprintf(h->number, sizeof h->number, "91" AREA "MA%07u",
             (unsigned)((w->scatter + w->holders * SCATTER_PRIME) % 10000000));
    h->number[17] = credit_code_check_character(h->number);
    h->number[18] = 0;
    if (!w->citizen_name[0] || generate_chance(&w->random, 50))
        invent_citizen(w, w->citizen_name, w->citizen_number);
    memcpy(h->representative_name, w->citizen_name, sizeof h->representative_name);
    memcpy(h->representative_number, w->citizen_number, sizeof h->representative_number);
}

static void invent_holder(struct generate_world *w)
{
    struct generate_holder *h = &w->holder;
    memset(h, 0, sizeof *h);
    h->enterprise = w->holders > 0 && generate_chance(&w->random, 30);
    if (h->enterprise) {
        invent_enterprise(w);
    } else {
        invent_citizen(w, h->name, h->number);
        memcpy(w->citizen_name, h->name, sizeof w->citizen_name);
        memcpy(w->citizen_number, h->number, sizeof w->citizen_number);
    }
    w->licences_left = 1 + generate_chance(&w->random, 30) + generate_chance(&w->random, 10);
    w->next_type = h->enterprise ? PERSON_TYPES + generate_below(&w->random, ENTERPRISE_TYPES)
                   : w->holders  ? generate_below(&w->random, PERSON_TYPES)
                                 : 0;
    w->holders++;
}

/* ---- licences ---- */
static void put_code(char *out, size_t cap, const char *begin, unsigned index, const char *end)
{
    char seventeen[32];
    snprintf(seventeen, sizeof seventeen, "%.8s%09u", begin, index);
    snprintf(out, cap, "%.17s%c%.3s", seventeen, credit_code_check_character(seventeen), end);
}

static void put_identifier(struct generate_world *w, struct generate_licence *l, bool own_number)
{
    static const char *const versions[] = {"1", "01", "001"};
    char serial[32];
    snprintf(serial, sizeof serial, "%llu", (unsigned long long)w->licences);
    struct licence_identifier parts = {bytes_str(l->type_code), bytes_str(l->issuer_code),
                                       bytes_str(own_number ? l->holder->number : serial),
                                       bytes_str(PICK(&w->random, versions)), 0};
    struct buf out;
    buf_init(&out, l->identifier, sizeof l->identifier);
    licence_identifier_write(&out, &parts);
    (void)buf_cstr(&out);
    CHECK(buf_ok(&out));
}

/* The last day of `years` years from a day on. */
static int32_t last_day(int32_t from, int years)
{
    int year, month, day;
    int32_t until;
    civil_from_days(from, &year, &month, &day);
    CHECK(civil_to_days(year + years, month, month == 2 && day == 29 ? 28 : day, &until));
    return until - 1;
}

static unsigned invent_status(struct generate_random *random)
{
    static const unsigned others[] = {2, 3, 4, 4, 4, 5, 5, 6, 7, 8, 99};
    return generate_chance(random, 4) ? PICK(random, others) : 1;
}

void generate_world_init(struct generate_world *w, uint64_t seed, int32_t today)
{
    memset(w, 0, sizeof *w);
    w->random.state = seed;
    w->today = today;
    w->scatter = generate_below(&w->random, (uint64_t)BIRTHDAYS * SERIALS);
}

void generate_licence_next(struct generate_world *w, struct generate_licence *l)
{
    bool first = w->licences == 0;
    if (w->licences_left == 0)
        invent_holder(w);
    const struct generate_holder *h = &w->holder;
    size_t type = w->next_type;
    *l = (struct generate_licence){
        .name = types[type].name, .issuer = types[type].issuer, .holder = h};
    put_code(l->type_code, sizeof l->type_code, "11100000", (unsigned)type + 1, "001");
    put_code(l->issuer_code, sizeof l->issuer_code, "11" AREA, types[type].issuer_index, "");
    bool own_number = types[type].form == NUMBER_OF_HOLDER;
    if (own_number)
        snprintf(l->number, sizeof l->number, "%s%s", h->number, types[type].end);
    else
        snprintf(l->number, sizeof l->number, "%s%07u%s", types[type].begin,
                 (unsigned)w->licences % 10000000, types[type].end);
    if (first || generate_chance(&w->random, 80))
        put_identifier(w, l, own_number);

    /* A twentieth of those that end has ended. */
    int years = types[type].years;
    int32_t age_max = years ? years * 384 : 3650;
    l->issued_on =
        w->today - (first ? 100 : (int32_t)generate_below(&w->random, (uint64_t)age_max));
    l->valid_until = years ? last_day(l->issued_on, years) : -1;
    l->status = first ? 1 : invent_status(&w->random);

    w->licences++;
    w->licences_left--;
    w->next_type = h->enterprise ? PERSON_TYPES + (type + 1 - PERSON_TYPES) % ENTERPRISE_TYPES
                                 : (type + 1) % PERSON_TYPES;
}
