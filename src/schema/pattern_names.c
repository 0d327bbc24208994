/* pattern_names.c - properties of Unicode by their names in ECMA-262, and names of groups.
 * Layer: schema.
 *
 * ECMA-262 allows the exact names of its tables 68 to 70 and Unicode's PropertyValueAliases. PCRE2
 * ignores case, `_` and spaces and has names of its own, so the names are looked up here. Whether
 * PCRE2 has a property depends on its version, and is tested by compiling it.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "schema/pattern_int.h"

#include <pcre2.h>
#include <stdio.h>

#include "core/check.h"
#include "core/slice.h"

struct pattern_alias {
    const char *name, *alias;
};

static const struct {
    struct pattern_alias category;
    const char *pcre2;
} pattern_categories[] = {
    {{"Cased_Letter", "LC"}, "L&"},
    {{"Close_Punctuation", "Pe"}, "Pe"},
    {{"Connector_Punctuation", "Pc"}, "Pc"},
    {{"Control", "Cc"}, "Cc"},
    {{"Control", "cntrl"}, "Cc"},
    {{"Currency_Symbol", "Sc"}, "Sc"},
    {{"Dash_Punctuation", "Pd"}, "Pd"},
    {{"Decimal_Number", "Nd"}, "Nd"},
    {{"Decimal_Number", "digit"}, "Nd"},
    {{"Enclosing_Mark", "Me"}, "Me"},
    {{"Final_Punctuation", "Pf"}, "Pf"},
    {{"Format", "Cf"}, "Cf"},
    {{"Initial_Punctuation", "Pi"}, "Pi"},
    {{"Letter", "L"}, "L"},
    {{"Letter_Number", "Nl"}, "Nl"},
    {{"Line_Separator", "Zl"}, "Zl"},
    {{"Lowercase_Letter", "Ll"}, "Ll"},
    {{"Mark", "M"}, "M"},
    {{"Mark", "Combining_Mark"}, "M"},
    {{"Math_Symbol", "Sm"}, "Sm"},
    {{"Modifier_Letter", "Lm"}, "Lm"},
    {{"Modifier_Symbol", "Sk"}, "Sk"},
    {{"Nonspacing_Mark", "Mn"}, "Mn"},
    {{"Number", "N"}, "N"},
    {{"Open_Punctuation", "Ps"}, "Ps"},
    {{"Other", "C"}, "C"},
    {{"Other_Letter", "Lo"}, "Lo"},
    {{"Other_Number", "No"}, "No"},
    {{"Other_Punctuation", "Po"}, "Po"},
    {{"Other_Symbol", "So"}, "So"},
    {{"Paragraph_Separator", "Zp"}, "Zp"},
    {{"Private_Use", "Co"}, "Co"},
    {{"Punctuation", "P"}, "P"},
    {{"Punctuation", "punct"}, "P"},
    {{"Separator", "Z"}, "Z"},
    {{"Space_Separator", "Zs"}, "Zs"},
    {{"Spacing_Mark", "Mc"}, "Mc"},
    {{"Surrogate", "Cs"}, "Cs"},
    {{"Symbol", "S"}, "S"},
    {{"Titlecase_Letter", "Lt"}, "Lt"},
    {{"Unassigned", "Cn"}, "Cn"},
    {{"Uppercase_Letter", "Lu"}, "Lu"},
};

static const struct pattern_alias pattern_binaries[] = {
    {"ASCII", "ASCII"},
    {"ASCII_Hex_Digit", "AHex"},
    {"Alphabetic", "Alpha"},
    {"Bidi_Control", "Bidi_C"},
    {"Bidi_Mirrored", "Bidi_M"},
    {"Case_Ignorable", "CI"},
    {"Cased", "Cased"},
    {"Changes_When_Casefolded", "CWCF"},
    {"Changes_When_Casemapped", "CWCM"},
    {"Changes_When_Lowercased", "CWL"},
    {"Changes_When_NFKC_Casefolded", "CWKCF"},
    {"Changes_When_Titlecased", "CWT"},
    {"Changes_When_Uppercased", "CWU"},
    {"Dash", "Dash"},
    {"Default_Ignorable_Code_Point", "DI"},
    {"Deprecated", "Dep"},
    {"Diacritic", "Dia"},
    {"Emoji", "Emoji"},
    {"Emoji_Component", "EComp"},
    {"Emoji_Modifier", "EMod"},
    {"Emoji_Modifier_Base", "EBase"},
    {"Emoji_Presentation", "EPres"},
    {"Extended_Pictographic", "ExtPict"},
    {"Extender", "Ext"},
    {"Grapheme_Base", "Gr_Base"},
    {"Grapheme_Extend", "Gr_Ext"},
    {"Hex_Digit", "Hex"},
    {"IDS_Binary_Operator", "IDSB"},
    {"IDS_Trinary_Operator", "IDST"},
    {"ID_Continue", "IDC"},
    {"ID_Start", "IDS"},
    {"Ideographic", "Ideo"},
    {"Join_Control", "Join_C"},
    {"Logical_Order_Exception", "LOE"},
    {"Lowercase", "Lower"},
    {"Math", "Math"},
    {"Noncharacter_Code_Point", "NChar"},
    {"Pattern_Syntax", "Pat_Syn"},
    {"Pattern_White_Space", "Pat_WS"},
    {"Quotation_Mark", "QMark"},
    {"Radical", "Radical"},
    {"Regional_Indicator", "RI"},
    {"Sentence_Terminal", "STerm"},
    {"Soft_Dotted", "SD"},
    {"Terminal_Punctuation", "Term"},
    {"Unified_Ideograph", "UIdeo"},
    {"Uppercase", "Upper"},
    {"Variation_Selector", "VS"},
    {"White_Space", "space"},
    {"XID_Continue", "XIDC"},
    {"XID_Start", "XIDS"},
};

/* Of Unicode 17; the first alias is used. */
static const struct pattern_alias pattern_scripts[] = {
    {"Adlam", "Adlm"},
    {"Ahom", "Ahom"},
    {"Anatolian_Hieroglyphs", "Hluw"},
    {"Arabic", "Arab"},
    {"Armenian", "Armn"},
    {"Avestan", "Avst"},
    {"Balinese", "Bali"},
    {"Bamum", "Bamu"},
    {"Bassa_Vah", "Bass"},
    {"Batak", "Batk"},
    {"Bengali", "Beng"},
    {"Beria_Erfe", "Berf"},
    {"Bhaiksuki", "Bhks"},
    {"Bopomofo", "Bopo"},
    {"Brahmi", "Brah"},
    {"Braille", "Brai"},
    {"Buginese", "Bugi"},
    {"Buhid", "Buhd"},
    {"Canadian_Aboriginal", "Cans"},
    {"Carian", "Cari"},
    {"Caucasian_Albanian", "Aghb"},
    {"Chakma", "Cakm"},
    {"Cham", "Cham"},
    {"Cherokee", "Cher"},
    {"Chorasmian", "Chrs"},
    {"Common", "Zyyy"},
    {"Coptic", "Copt"},
    {"Coptic", "Qaac"},
    {"Cuneiform", "Xsux"},
    {"Cypriot", "Cprt"},
    {"Cypro_Minoan", "Cpmn"},
    {"Cyrillic", "Cyrl"},
    {"Deseret", "Dsrt"},
    {"Devanagari", "Deva"},
    {"Dives_Akuru", "Diak"},
    {"Dogra", "Dogr"},
    {"Duployan", "Dupl"},
    {"Egyptian_Hieroglyphs", "Egyp"},
    {"Elbasan", "Elba"},
    {"Elymaic", "Elym"},
    {"Ethiopic", "Ethi"},
    {"Garay", "Gara"},
    {"Georgian", "Geor"},
    {"Glagolitic", "Glag"},
    {"Gothic", "Goth"},
    {"Grantha", "Gran"},
    {"Greek", "Grek"},
    {"Gujarati", "Gujr"},
    {"Gunjala_Gondi", "Gong"},
    {"Gurmukhi", "Guru"},
    {"Gurung_Khema", "Gukh"},
    {"Han", "Hani"},
    {"Hangul", "Hang"},
    {"Hanifi_Rohingya", "Rohg"},
    {"Hanunoo", "Hano"},
    {"Hatran", "Hatr"},
    {"Hebrew", "Hebr"},
    {"Hiragana", "Hira"},
    {"Imperial_Aramaic", "Armi"},
    {"Inherited", "Zinh"},
    {"Inherited", "Qaai"},
    {"Inscriptional_Pahlavi", "Phli"},
    {"Inscriptional_Parthian", "Prti"},
    {"Javanese", "Java"},
    {"Kaithi", "Kthi"},
    {"Kannada", "Knda"},
    {"Katakana", "Kana"},
    {"Kawi", "Kawi"},
    {"Kayah_Li", "Kali"},
    {"Kharoshthi", "Khar"},
    {"Khitan_Small_Script", "Kits"},
    {"Khmer", "Khmr"},
    {"Khojki", "Khoj"},
    {"Khudawadi", "Sind"},
    {"Kirat_Rai", "Krai"},
    {"Lao", "Laoo"},
    {"Latin", "Latn"},
    {"Lepcha", "Lepc"},
    {"Limbu", "Limb"},
    {"Linear_A", "Lina"},
    {"Linear_B", "Linb"},
    {"Lisu", "Lisu"},
    {"Lycian", "Lyci"},
    {"Lydian", "Lydi"},
    {"Mahajani", "Mahj"},
    {"Makasar", "Maka"},
    {"Malayalam", "Mlym"},
    {"Mandaic", "Mand"},
    {"Manichaean", "Mani"},
    {"Marchen", "Marc"},
    {"Masaram_Gondi", "Gonm"},
    {"Medefaidrin", "Medf"},
    {"Meetei_Mayek", "Mtei"},
    {"Mende_Kikakui", "Mend"},
    {"Meroitic_Cursive", "Merc"},
    {"Meroitic_Hieroglyphs", "Mero"},
    {"Miao", "Plrd"},
    {"Modi", "Modi"},
    {"Mongolian", "Mong"},
    {"Mro", "Mroo"},
    {"Multani", "Mult"},
    {"Myanmar", "Mymr"},
    {"Nabataean", "Nbat"},
    {"Nag_Mundari", "Nagm"},
    {"Nandinagari", "Nand"},
    {"New_Tai_Lue", "Talu"},
    {"Newa", "Newa"},
    {"Nko", "Nkoo"},
    {"Nushu", "Nshu"},
    {"Nyiakeng_Puachue_Hmong", "Hmnp"},
    {"Ogham", "Ogam"},
    {"Ol_Chiki", "Olck"},
    {"Ol_Onal", "Onao"},
    {"Old_Hungarian", "Hung"},
    {"Old_Italic", "Ital"},
    {"Old_North_Arabian", "Narb"},
    {"Old_Permic", "Perm"},
    {"Old_Persian", "Xpeo"},
    {"Old_Sogdian", "Sogo"},
    {"Old_South_Arabian", "Sarb"},
    {"Old_Turkic", "Orkh"},
    {"Old_Uyghur", "Ougr"},
    {"Oriya", "Orya"},
    {"Osage", "Osge"},
    {"Osmanya", "Osma"},
    {"Pahawh_Hmong", "Hmng"},
    {"Palmyrene", "Palm"},
    {"Pau_Cin_Hau", "Pauc"},
    {"Phags_Pa", "Phag"},
    {"Phoenician", "Phnx"},
    {"Psalter_Pahlavi", "Phlp"},
    {"Rejang", "Rjng"},
    {"Runic", "Runr"},
    {"Samaritan", "Samr"},
    {"Saurashtra", "Saur"},
    {"Sharada", "Shrd"},
    {"Shavian", "Shaw"},
    {"Siddham", "Sidd"},
    {"Sidetic", "Sidt"},
    {"SignWriting", "Sgnw"},
    {"Sinhala", "Sinh"},
    {"Sogdian", "Sogd"},
    {"Sora_Sompeng", "Sora"},
    {"Soyombo", "Soyo"},
    {"Sundanese", "Sund"},
    {"Sunuwar", "Sunu"},
    {"Syloti_Nagri", "Sylo"},
    {"Syriac", "Syrc"},
    {"Tagalog", "Tglg"},
    {"Tagbanwa", "Tagb"},
    {"Tai_Le", "Tale"},
    {"Tai_Tham", "Lana"},
    {"Tai_Viet", "Tavt"},
    {"Tai_Yo", "Tayo"},
    {"Takri", "Takr"},
    {"Tamil", "Taml"},
    {"Tangsa", "Tnsa"},
    {"Tangut", "Tang"},
    {"Telugu", "Telu"},
    {"Thaana", "Thaa"},
    {"Thai", "Thai"},
    {"Tibetan", "Tibt"},
    {"Tifinagh", "Tfng"},
    {"Tirhuta", "Tirh"},
    {"Todhri", "Todr"},
    {"Tolong_Siki", "Tols"},
    {"Toto", "Toto"},
    {"Tulu_Tigalari", "Tutg"},
    {"Ugaritic", "Ugar"},
    {"Unknown", "Zzzz"},
    {"Vai", "Vaii"},
    {"Vithkuqi", "Vith"},
    {"Wancho", "Wcho"},
    {"Warang_Citi", "Wara"},
    {"Yezidi", "Yezi"},
    {"Yi", "Yiii"},
    {"Zanabazar_Square", "Zanb"},
};

static bool pattern_alias_is(const struct pattern_alias *alias, factum_slice name)
{
    return fct_slice_equal(name, factum_slice_from(alias->name)) ||
           fct_slice_equal(name, factum_slice_from(alias->alias));
}

static void pattern_property_set(struct fct_pattern_property *property, const char *prefix,
                                 const char *name)
{
    int len = snprintf(property->text, sizeof property->text, "%s%s", prefix, name);
    FCT_ASSERT(len > 0 && (size_t)len < sizeof property->text);
}

static bool pattern_category_find(factum_slice name, struct fct_pattern_property *property)
{
    for (size_t i = 0; i < sizeof pattern_categories / sizeof *pattern_categories; i++) {
        if (pattern_alias_is(&pattern_categories[i].category, name)) {
            pattern_property_set(property, "", pattern_categories[i].pcre2);
            return true;
        }
    }
    return false;
}

static bool pattern_script_find(factum_slice name, const char *prefix,
                                struct fct_pattern_property *property)
{
    for (size_t i = 0; i < sizeof pattern_scripts / sizeof *pattern_scripts; i++) {
        if (pattern_alias_is(&pattern_scripts[i], name)) {
            pattern_property_set(property, prefix, pattern_scripts[i].name);
            return true;
        }
    }
    return false;
}

static bool pattern_binary_find(factum_slice name, struct fct_pattern_property *property)
{
    if (fct_slice_equal(name, FCT_SLICE("Any"))) {
        property->any = true;
        return true;
    }
    if (fct_slice_equal(name, FCT_SLICE("Assigned"))) {
        pattern_property_set(property, "", "Cn");
        property->inverted = true;
        return true;
    }
    for (size_t i = 0; i < sizeof pattern_binaries / sizeof *pattern_binaries; i++) {
        if (pattern_alias_is(&pattern_binaries[i], name)) {
            pattern_property_set(property, "", pattern_binaries[i].name);
            return true;
        }
    }
    return false;
}

/* |name|=|value| */
static bool pattern_valued_find(factum_slice name, factum_slice value,
                                struct fct_pattern_property *property)
{
    static const struct pattern_alias category = {"General_Category", "gc"};
    static const struct pattern_alias script = {"Script", "sc"};
    static const struct pattern_alias extensions = {"Script_Extensions", "scx"};
    if (pattern_alias_is(&category, name)) {
        return pattern_category_find(value, property);
    }
    if (pattern_alias_is(&script, name)) {
        return pattern_script_find(value, "sc:", property);
    }
    return pattern_alias_is(&extensions, name) && pattern_script_find(value, "scx:", property);
}

/* Compiles |text|. Errors: UNSUPPORTED (PCRE2 does not know a property in it). */
static factum_status pattern_try(const struct fct_mem *mem, const char *text, pcre2_code **code)
{
    int failed = 0;
    PCRE2_SIZE at;
    pcre2_general_context *memory = fct_pattern_memory(mem);
    pcre2_compile_context *context = memory != NULL ? pcre2_compile_context_create(memory) : NULL;
    *code = NULL;
    if (context != NULL) {
        *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &failed, &at,
                              context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    if (*code != NULL) {
        return FACTUM_OK;
    }
    return context == NULL || failed == PCRE2_ERROR_HEAP_FAILED ? FACTUM_NO_MEMORY
                                                                : FACTUM_UNSUPPORTED;
}

factum_status fct_pattern_property_find(const struct fct_mem *mem, factum_slice text,
                                        struct fct_pattern_property *property)
{
    const uint8_t *equals = text.len > 0 ? memchr(text.ptr, '=', text.len) : NULL;
    bool found;
    *property = (struct fct_pattern_property){0};
    if (equals != NULL) {
        size_t name_size = (size_t)(equals - text.ptr);
        found = pattern_valued_find(fct_slice(text.ptr, name_size),
                                    fct_slice_from(text, name_size + 1), property);
    } else {
        found = pattern_category_find(text, property) || pattern_binary_find(text, property);
    }
    if (!found) {
        return FACTUM_NOT_FOUND;
    }
    if (property->any) {
        return FACTUM_OK;
    }
    char tried[sizeof property->text + 4];
    pcre2_code *code;
    (void)snprintf(tried, sizeof tried, "\\p{%s}", property->text);
    factum_status status = pattern_try(mem, tried, &code);
    pcre2_code_free(code);
    return status;
}

/* |c| is above 0x7f and not a surrogate. */
static size_t pattern_encode(uint32_t c, uint8_t text[4])
{
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t heads[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--) {
        text[i] = (uint8_t)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    text[0] = (uint8_t)(heads[more] | c);
    return more + 1;
}

static factum_status pattern_property_test(const struct fct_mem *mem, const char *property,
                                           uint32_t c, bool *has)
{
    uint8_t text[4];
    size_t len = pattern_encode(c, text);
    pcre2_code *code;
    factum_status status = pattern_try(mem, property, &code);
    if (status != FACTUM_OK) {
        return status;
    }
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    int found = data == NULL ? PCRE2_ERROR_NOMEMORY
                             : pcre2_match(code, text, len, 0, PCRE2_ANCHORED, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    *has = found > 0;
    return found == PCRE2_ERROR_NOMEMORY ? FACTUM_NO_MEMORY : FACTUM_OK;
}

factum_status fct_pattern_name_char(const struct fct_mem *mem, uint32_t c, bool first,
                                    bool *allowed)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
    bool digit = c >= '0' && c <= '9';
    bool joiner = c == 0x200c || c == 0x200d;
    if (c < 0x80 || joiner || (c >= 0xd800 && c <= 0xdfff)) {
        *allowed = letter || (!first && (digit || joiner));
        return FACTUM_OK;
    }
    return pattern_property_test(mem, first ? "\\p{ID_Start}" : "\\p{ID_Continue}", c, allowed);
}
