/*
 * image_credentials.c: config.json files, and the answers of token servers.
 */

#include <stdlib.h>

#include "tap.h"
#include "image_credentials.h"


#define AUTHS(text)  "{\"auths\":{" text "}}"
#define USER(key)    "\"" key "\":{\"auth\":\"dXNlcjpwYXNz\"}"   /* user:pass */
#define OTHER(key)   "\"" key "\":{\"auth\":\"YTpi\"}"           /* a:b */

#define NOJSON   "is no JSON object, or holds a name twice"
#define BASE64   "has an \"auth\" that is not base64"
#define COLON    "has an \"auth\" that is not base64 of USER:PASSWORD"
#define CONTROL  "has a value with a control character"
#define STRING   "has a user, a password or a token that is no string"


static const struct {
    const char  *name;
    const char  *registry;
    const char  *file;
    int          found;
    const char  *username;
    const char  *password;
    const char  *identity;
    const char  *token;
} finds[] = {

    { "exact", "r.io", AUTHS(USER("r.io")), 1, "user", "pass", "", "" },
    { "exact, with a port", "r.io:5000", AUTHS(USER("r.io:5000")),
      1, "user", "pass", "", "" },
    { "another", "r.io", AUTHS(USER("s.io")), 0, "", "", "", "" },
    { "no auths", "r.io", "{\"credsStore\":\"pass\"}", 0, "", "", "", "" },
    { "auths null", "r.io", "{\"auths\":null}", 0, "", "", "", "" },
    { "empty auths", "r.io", AUTHS(""), 0, "", "", "", "" },
    { "an empty entry", "r.io", AUTHS("\"r.io\":{}"), 0, "", "", "", "" },
    { "an empty auth", "r.io", AUTHS("\"r.io\":{\"auth\":\"\"}"),
      0, "", "", "", "" },
    { "an empty key", "r.io", AUTHS(USER("")), 0, "", "", "", "" },

    /* forms of the key */

    { "https", "r.io", AUTHS(USER("https://r.io")),
      1, "user", "pass", "", "" },
    { "http", "r.io:5000", AUTHS(USER("http://r.io:5000")),
      1, "user", "pass", "", "" },
    { "https and a slash", "r.io", AUTHS(USER("https://r.io/")),
      1, "user", "pass", "", "" },
    { "https and v1", "r.io", AUTHS(USER("https://r.io/v1/")),
      1, "user", "pass", "", "" },
    { "https and a path", "r.io", AUTHS(USER("https://r.io/api/docker")),
      1, "user", "pass", "", "" },
    { "HTTPS and a host in upper case", "r.io", AUTHS(USER("HTTPS://R.IO/")),
      1, "user", "pass", "", "" },
    { "a slash", "r.io", AUTHS(USER("r.io/")), 1, "user", "pass", "", "" },
    { "v1", "r.io", AUTHS(USER("r.io/v1/")), 1, "user", "pass", "", "" },
    { "v2", "r.io", AUTHS(USER("r.io/v2")), 1, "user", "pass", "", "" },

    /* a path is a part of the registry, not the registry ("app" is asked) */

    { "a part of it", "r.io", AUTHS(USER("r.io/team")), 0, "", "", "", "" },
    { "a part of it, v3", "r.io", AUTHS(USER("r.io/v3")), 0, "", "", "", "" },
    { "a part of it, v11", "r.io", AUTHS(USER("r.io/v11")),
      0, "", "", "", "" },

    /* never a prefix */

    { "/par is not /partial", "r.io/partial", AUTHS(USER("r.io/par")),
      0, "", "", "", "" },
    { "a longer host", "r.io", AUTHS(USER("r.io.evil.com")),
      0, "", "", "", "" },
    { "a longer host, https", "r.io", AUTHS(USER("https://r.io.evil.com/")),
      0, "", "", "", "" },
    { "a shorter host", "r.io.evil.com", AUTHS(USER("r.io")),
      0, "", "", "", "" },
    { "a shorter host, https", "r.iox", AUTHS(USER("https://r.io/")),
      0, "", "", "", "" },
    { "with a port is another", "r.io", AUTHS(USER("r.io:5000")),
      0, "", "", "", "" },
    { "without its port is another", "r.io:5000", AUTHS(USER("r.io")),
      0, "", "", "", "" },
    { "a longer port", "r.io:50", AUTHS(USER("https://r.io:5000/")),
      0, "", "", "", "" },
    { "a user in the key", "r.io", AUTHS(USER("https://r.io@evil.com/")),
      0, "", "", "", "" },
    { "a suffix", "r.io", AUTHS(USER("evil-r.io")), 0, "", "", "", "" },
    { "in a path", "r.io", AUTHS(USER("https://evil.com/r.io")),
      0, "", "", "", "" },
    { "another scheme", "r.io", AUTHS(USER("ftp://r.io")), 0, "", "", "", "" },
    { "a scheme alone", "r.io", AUTHS(USER("https://")), 0, "", "", "", "" },

    /* exact first */

    { "exact first, last in the file", "r.io",
      AUTHS("\"https://r.io\":{\"auth\":\"YTpi\"}," USER("r.io")),
      1, "user", "pass", "", "" },
    { "exact first, first in the file", "r.io",
      AUTHS(USER("r.io") ",\"https://r.io\":{\"auth\":\"YTpi\"}"),
      1, "user", "pass", "", "" },
    { "an empty exact one hides nothing", "r.io",
      AUTHS("\"r.io\":{}," USER("https://r.io")), 1, "user", "pass", "", "" },

    /* Docker Hub */

    { "the hub", "docker.io", AUTHS(USER("docker.io")),
      1, "user", "pass", "", "" },
    { "the hub's key", "docker.io",
      AUTHS(USER("https://index.docker.io/v1/")), 1, "user", "pass", "", "" },
    { "the hub's host", "docker.io", AUTHS(USER("index.docker.io")),
      1, "user", "pass", "", "" },
    { "the hub, exact first", "docker.io",
      AUTHS("\"https://index.docker.io/v1/\":{\"auth\":\"YTpi\"},"
            USER("docker.io")), 1, "user", "pass", "", "" },
    { "the hub's key is not for others", "r.io",
      AUTHS(USER("https://index.docker.io/v1/")), 0, "", "", "", "" },
    { "the hub's evil twin", "docker.io",
      AUTHS(USER("https://index.docker.io.evil.com/v1/")),
      0, "", "", "", "" },

    /* values */

    { "a colon in the password", "r", AUTHS("\"r\":{\"auth\":\"YTpiOmM=\"}"),
      1, "a", "b:c", "", "" },
    { "padding", "r", AUTHS("\"r\":{\"auth\":\"dTpwdw==\"}"),
      1, "u", "pw", "", "" },
    { "no padding, two missing", "r", AUTHS("\"r\":{\"auth\":\"dTpwdw\"}"),
      1, "u", "pw", "", "" },
    { "no padding, one missing", "r", AUTHS("\"r\":{\"auth\":\"YTpiOmM\"}"),
      1, "a", "b:c", "", "" },
    { "line ends", "r", AUTHS("\"r\":{\"auth\":\"dXNl\\ncjpw\\r\\nYXNz\\n\"}"),
      1, "user", "pass", "", "" },
    { "plus and slash", "r", AUTHS("\"r\":{\"auth\":\"dTrvv7/vvr4=\"}"),
      1, "u", "\xef\xbf\xbf\xef\xbe\xbe", "", "" },
    { "trailing NULs", "r", AUTHS("\"r\":{\"auth\":\"dTpwAAA=\"}"),
      1, "u", "p", "", "" },
    { "an empty password", "r",
      AUTHS("\"r\":{\"auth\":\"dTo=\",\"identitytoken\":\"it\"}"),
      1, "u", "", "it", "" },
    { "fields", "r",
      AUTHS("\"r\":{\"username\":\"u\",\"password\":\"p:\"}"),
      1, "u", "p:", "", "" },
    { "auth beats fields", "r",
      AUTHS("\"r\":{\"username\":\"u\",\"password\":\"p\","
            "\"auth\":\"dXNlcjpwYXNz\"}"), 1, "user", "pass", "", "" },
    { "a null auth", "r", AUTHS("\"r\":{\"auth\":null,\"username\":\"u\"}"),
      1, "u", "", "", "" },
    { "an identity token", "r", AUTHS("\"r\":{\"identitytoken\":\"t.t\"}"),
      1, "", "", "t.t", "" },
    { "a registry token", "r", AUTHS("\"r\":{\"registrytoken\":\"t.t\"}"),
      1, "", "", "", "t.t" },
    { "other members", "r",
      AUTHS("\"r\":{\"email\":1,\"auth\":\"dXNlcjpwYXNz\"}"),
      1, "user", "pass", "", "" }
};


/* path keys: whole components, the longest first */

static const struct {
    const char  *name;
    const char  *registry;
    const char  *path;
    const char  *file;
    const char  *username;          /* or "": not found */
} paths[] = {
    { "its own path", "r.io", "team/app", AUTHS(USER("r.io/team/app")),
      "user" },
    { "the path above", "r.io", "team/app", AUTHS(USER("r.io/team")),
      "user" },
    { "two above", "r.io", "team/app/x", AUTHS(USER("r.io/team")), "user" },
    { "a slash at its end", "r.io", "team/app", AUTHS(USER("r.io/team/")),
      "user" },
    { "a port", "r.io:5000", "team/app", AUTHS(USER("r.io:5000/team")),
      "user" },
    { "IPv6", "[::1]:5000", "team/app", AUTHS(USER("[::1]:5000/team")),
      "user" },
    { "a host in upper case", "r.io", "team/app", AUTHS(USER("R.IO/team")),
      "user" },
    { "a registry in upper case", "R.io", "team/app",
      AUTHS(USER("r.io/team")), "user" },

    { "/team is not /teamx", "r.io", "teamx/app", AUTHS(USER("r.io/team")),
      "" },
    { "/teamx is not /team", "r.io", "team/app", AUTHS(USER("r.io/teamx")),
      "" },
    { "/par is not /partial", "r.io", "partial", AUTHS(USER("r.io/par")),
      "" },
    { "/team/ap is not /team/app", "r.io", "team/app",
      AUTHS(USER("r.io/team/ap")), "" },
    { "the path below", "r.io", "team", AUTHS(USER("r.io/team/app")), "" },
    { "its end", "r.io", "team/app", AUTHS(USER("r.io/app")), "" },
    { "a path in upper case", "r.io", "team/app", AUTHS(USER("r.io/Team")),
      "" },
    { "two slashes", "r.io", "team/app", AUTHS(USER("r.io//team")), "" },
    { "two slashes at its end", "r.io", "team/app",
      AUTHS(USER("r.io/team//")), "" },
    { "a dot", "r.io", "team/app", AUTHS(USER("r.io/./team")), "" },
    { "a tag", "r.io", "team/app", AUTHS(USER("r.io/team/app:1")), "" },
    { "another port", "r.io:5000", "team/app", AUTHS(USER("r.io:500/team")),
      "" },
    { "no port", "r.io:5000", "team/app", AUTHS(USER("r.io/team")), "" },
    { "a longer host", "r.io", "team/app", AUTHS(USER("r.iox/team")), "" },
    { "a prefix of the host", "registry.example.com", "team/app",
      AUTHS(USER("registry.example.co")), "" },
    { "a prefix of the host, and a path", "registry.example.com", "team/app",
      AUTHS(USER("registry.example.co/team")), "" },
    { "a prefix of the host as a URL", "registry.example.com", "team/app",
      AUTHS(USER("https://registry.example.co")), "" },
    { "the host as a path", "r.io", "team/app", AUTHS(USER("x/r.io/team")),
      "" },
    { "a path alone", "r.io", "team/app", AUTHS(USER("/team")), "" },

    { "the longest, last in the file", "r.io", "team/app",
      AUTHS(OTHER("r.io") "," OTHER("r.io/team") "," USER("r.io/team/app")),
      "user" },
    { "the longest, first in the file", "r.io", "team/app",
      AUTHS(USER("r.io/team/app") "," OTHER("r.io/team") "," OTHER("r.io")),
      "user" },
    { "a path beats the exact host", "r.io", "team/app",
      AUTHS(OTHER("r.io") "," USER("R.io/team")), "user" },
    { "a path beats a URL", "r.io", "team/app",
      AUTHS(OTHER("https://r.io/v2/") "," USER("r.io/team")), "user" },
    { "a longer path that is another", "r.io", "team/app",
      AUTHS(OTHER("r.io/team/application") "," USER("r.io/team")), "user" },
    { "another path falls back on the host", "r.io", "other/app",
      AUTHS(OTHER("r.io/team") "," USER("r.io")), "user" },
    { "the exact host beats a URL", "r.io", "team/app",
      AUTHS(OTHER("https://r.io/") "," USER("r.io")), "user" },
    { "an empty entry hides nothing", "r.io", "team/app",
      AUTHS("\"r.io/team/app\":{}," USER("r.io/team") ","
            "\"r.io\":{\"auth\":\"\"}"), "user" },
    { "nor the host", "r.io", "team/app",
      AUTHS("\"r.io/team\":{}," USER("https://r.io")), "user" },

    /* a scheme makes it a URL: its path is not a repository's */

    { "a scheme and a path", "r.io", "other/app",
      AUTHS(USER("https://r.io/team")), "user" },
    { "it counts less than a path", "r.io", "team/app",
      AUTHS(OTHER("https://r.io/team") "," USER("r.io/team")), "user" },
    { "and less than the exact host", "r.io", "team/app",
      AUTHS(OTHER("https://r.io/team/app") "," USER("r.io")), "user" },
    { "v2 is the registry", "r.io", "team/app", AUTHS(USER("r.io/v2/")),
      "user" },
    { "v2 of the API is no path", "r.io", "v2/app",
      AUTHS(OTHER("r.io/v2") "," USER("r.io")), "user" },

    /* Docker Hub */

    { "the hub's library", "docker.io", "library/golang",
      AUTHS(USER("docker.io/library")), "user" },
    { "one of it", "docker.io", "library/golang",
      AUTHS(USER("docker.io/library/golang")), "user" },
    { "another one of it", "docker.io", "library/golang",
      AUTHS(USER("docker.io/library/go")), "" },
    { "a short name is not its path", "docker.io", "library/golang",
      AUTHS(USER("docker.io/golang")), "" },
    { "another user of it", "docker.io", "team/app",
      AUTHS(USER("docker.io/library")), "" },
    { "the hub's old host and a path", "docker.io", "library/golang",
      AUTHS(USER("index.docker.io/library")), "user" },
    { "the new one counts more", "docker.io", "library/golang",
      AUTHS(OTHER("index.docker.io/library") ","
            USER("docker.io/library")), "user" },
    { "a longer path counts more", "docker.io", "library/golang",
      AUTHS(OTHER("docker.io/library") ","
            USER("index.docker.io/library/golang")), "user" },
    { "a path beats the hub's key", "docker.io", "library/golang",
      AUTHS(OTHER("https://index.docker.io/v1/") ","
            USER("docker.io/library")), "user" },
    { "the hub's key", "docker.io", "library/golang",
      AUTHS(OTHER("docker.io/team") "," USER("https://index.docker.io/v1/")),
      "user" },
    { "the hub's host as a URL beats the old one", "docker.io", "team/app",
      AUTHS(OTHER("index.docker.io") "," USER("https://docker.io/")),
      "user" },
    { "the hub's twin and a path", "docker.io", "library/golang",
      AUTHS(USER("docker.io.evil.com/library")), "" },
    { "the old host is not for others", "r.io", "library/golang",
      AUTHS(USER("index.docker.io/library")), "" }
};


static const struct {
    const char  *file;
    int          helped;
} helpers[] = {
    { "{}", 0 },
    { AUTHS(USER("r.io")), 0 },
    { "{\"credsStore\":\"pass\"}", 1 },
    { "{\"auths\":{\"r.io\":{}},\"credsStore\":\"desktop\"}", 1 },
    { "{\"credHelpers\":{\"r.io\":\"ecr-login\"}}", 1 },
    { "{\"auths\":{},\"credHelpers\":{\"r.io\":\"gcloud\"}}", 1 },
    { "{\"credsStore\":\"\"}", 0 },
    { "{\"credsStore\":null}", 0 },
    { "{\"credsStore\":1}", 0 },
    { "{\"credsStore\":{\"x\":\"y\"}}", 0 },
    { "{\"credHelpers\":{}}", 0 },
    { "{\"credHelpers\":null}", 0 },
    { "{\"credHelpers\":[\"x\"]}", 0 },
    { "{\"credHelpers\":\"x\"}", 0 },
    { "{\"credsStore\":\"\",\"credHelpers\":{\"r.io\":\"x\"}}", 1 }
};


static const struct {
    const char  *name;
    const char  *file;
    const char  *error;
} files[] = {
    { "nothing", "", NOJSON },
    { "no JSON", "user:pass", NOJSON },
    { "an array", "[]", NOJSON },
    { "a registry twice", AUTHS(USER("r.io") "," USER("r.io")), NOJSON },
    { "auths is no object", "{\"auths\":[]}",
      "has \"auths\" that is no object" },
    { "an entry is no object", AUTHS("\"r\":\"dXNlcjpwYXNz\""),
      "has an entry of \"auths\" that is no object" },
    { "the second entry is none", AUTHS(USER("s") ",\"r\":1"),
      "has an entry of \"auths\" that is no object" },
    { "auth is no string", AUTHS("\"r\":{\"auth\":1}"),
      "has an \"auth\" that is no string" },
    { "not base64", AUTHS("\"r\":{\"auth\":\"user:pass\"}"), BASE64 },
    { "base64url", AUTHS("\"r\":{\"auth\":\"dTrvv7_vvr4\"}"), BASE64 },
    { "a lone digit", AUTHS("\"r\":{\"auth\":\"dXNlcjpwYXNzd\"}"), BASE64 },
    { "padding inside", AUTHS("\"r\":{\"auth\":\"dTpwdw==dTpw\"}"), BASE64 },
    { "no colon", AUTHS("\"r\":{\"auth\":\"dXNlcg==\"}"), COLON },
    { "padding alone", AUTHS("\"r\":{\"auth\":\"====\"}"), COLON },
    { "NULs alone", AUTHS("\"r\":{\"auth\":\"AAAA\"}"), COLON },
    { "a line end in the password", AUTHS("\"r\":{\"auth\":\"dTpwCng=\"}"),
      CONTROL },
    { "a NUL in the password", AUTHS("\"r\":{\"auth\":\"dTpwAHg=\"}"),
      CONTROL },
    { "a line end in the user", AUTHS("\"r\":{\"auth\":\"dQo6cA==\"}"),
      CONTROL },
    { "a line end in a field",
      AUTHS("\"r\":{\"username\":\"u\",\"password\":\"p\\r\\nX: y\"}"),
      CONTROL },
    { "a line end in an identity token",
      AUTHS("\"r\":{\"identitytoken\":\"a\\nb\"}"), CONTROL },
    { "a line end in a registry token",
      AUTHS("\"r\":{\"registrytoken\":\"a\\nb\"}"), CONTROL },
    { "a line end in a key", AUTHS(USER("r\\n")), CONTROL },
    { "a colon in a user", AUTHS("\"r\":{\"username\":\"a:b\"}"),
      "has a \"username\" with a colon" },
    { "a password that is no string", AUTHS("\"r\":{\"password\":1}"),
      STRING },
    { "a token that is no string", AUTHS("\"r\":{\"registrytoken\":{}}"),
      STRING }
};


static const struct {
    const char  *json;
    const char  *token;             /* or NULL: refused */
    int64_t      expires_in;
} tokens[] = {
    { "{\"token\":\"abc\"}", "abc", 60 },
    { "{\"access_token\":\"abc\"}", "abc", 60 },
    { "{\"token\":\"abc\",\"access_token\":\"def\"}", "abc", 60 },
    { "{\"token\":\"\",\"access_token\":\"def\"}", "def", 60 },
    { "{\"token\":null,\"access_token\":\"def\"}", "def", 60 },
    { "{\"token\":\"a b\",\"access_token\":\"def\"}", "def", 60 },
    { "{\"token\":\"abc\",\"expires_in\":300}", "abc", 300 },
    { "{\"token\":\"abc\",\"expires_in\":300.9}", "abc", 300 },
    { "{\"token\":\"abc\",\"expires_in\":59}", "abc", 60 },
    { "{\"token\":\"abc\",\"expires_in\":61}", "abc", 61 },
    { "{\"token\":\"abc\",\"expires_in\":0}", "abc", 60 },
    { "{\"token\":\"abc\",\"expires_in\":-1}", "abc", 60 },
    { "{\"token\":\"abc\",\"expires_in\":\"300\"}", "abc", 60 },
    { "{\"token\":\"abc\",\"expires_in\":null}", "abc", 60 },
    { "{\"token\":\"abc\",\"expires_in\":86400}", "abc", 86400 },
    { "{\"token\":\"abc\",\"expires_in\":86401}", "abc", 86400 },
    { "{\"token\":\"abc\",\"expires_in\":99999999999999999999}",
      "abc", 86400 },
    { "{\"token\":\"!~\"}", "!~", 60 },
    { "{}", NULL, 0 },
    { "", NULL, 0 },
    { "[]", NULL, 0 },
    { "\"abc\"", NULL, 0 },
    { "{\"token\":1}", NULL, 0 },
    { "{\"token\":\"\"}", NULL, 0 },
    { "{\"token\":\"a b\"}", NULL, 0 },
    { "{\"token\":\"a\\r\\nX: y\"}", NULL, 0 },
    { "{\"token\":\"a\\u0000\"}", NULL, 0 },
    { "{\"token\":\"a\\u007f\"}", NULL, 0 },
    { "{\"token\":\"\xc3\xa4\"}", NULL, 0 },
    { "{\"token\":\"abc\"", NULL, 0 }
};


static void
string(image_str_t *str, const char *text)
{
    str->data = (const u_char *) text;
    str->len = strlen(text);
}


int
main(void)
{
    int                   rc;
    char                 *large;
    size_t                i;
    const char           *error;
    image_str_t           registry, path;
    image_token_t         token;
    image_credential_t    found;
    image_credentials_t  *credentials;

    for (i = 0; i < items(finds); i++) {
        error = "unset";
        credentials = image_credentials_parse(bytes(finds[i].file), &error);

        if (!ok(credentials != NULL, "%s", finds[i].name)) {
            printf("# %s\n", error);
            continue;
        }

        string(&registry, finds[i].registry);
        string(&path, "app");

        memset(&found, 0xff, sizeof(found));
        number(image_credentials_find(credentials, &registry, &path, &found),
               finds[i].found, "  found");

        is(found.username.data, found.username.len, finds[i].username,
           "  username");
        is(found.password.data, found.password.len, finds[i].password,
           "  password");
        is(found.identity_token.data, found.identity_token.len,
           finds[i].identity, "  identity token");
        is(found.registry_token.data, found.registry_token.len,
           finds[i].token, "  registry token");

        image_credentials_free(credentials);
    }

    for (i = 0; i < items(paths); i++) {
        credentials = image_credentials_parse(bytes(paths[i].file), &error);

        if (!ok(credentials != NULL, "%s", paths[i].name)) {
            continue;
        }

        string(&registry, paths[i].registry);
        string(&path, paths[i].path);

        memset(&found, 0xff, sizeof(found));
        number(image_credentials_find(credentials, &registry, &path, &found),
               paths[i].username[0] != '\0', "  found");
        is(found.username.data, found.username.len, paths[i].username,
           "  username");

        image_credentials_free(credentials);
    }

    for (i = 0; i < items(helpers); i++) {
        credentials = image_credentials_parse(bytes(helpers[i].file), &error);

        if (ok(credentials != NULL, "%s", helpers[i].file)) {
            number(image_credentials_helped(credentials), helpers[i].helped,
                   "  a helper");
        }

        image_credentials_free(credentials);
    }

    for (i = 0; i < items(files); i++) {
        error = NULL;
        credentials = image_credentials_parse(bytes(files[i].file), &error);

        ok(credentials == NULL, "%s", files[i].name);
        same(error, files[i].error, "  error");
    }

    large = malloc(IMAGE_CREDENTIALS_FILE_MAX + 1);
    memset(large, ' ', IMAGE_CREDENTIALS_FILE_MAX + 1);
    memcpy(large, "{}", 2);

    credentials = image_credentials_parse((u_char *) large,
                                          IMAGE_CREDENTIALS_FILE_MAX, &error);
    ok(credentials != NULL, "as large as allowed");
    image_credentials_free(credentials);

    credentials = image_credentials_parse((u_char *) large,
                                          IMAGE_CREDENTIALS_FILE_MAX + 1,
                                          &error);
    ok(credentials == NULL, "a byte larger");

    memcpy(large, "{\"token\":\"a\"}", 13);
    number(image_token_parse(&token, (u_char *) large, IMAGE_TOKEN_MAX + 1),
           -1, "a token's answer that is too large");

    free(large);

    image_credentials_free(NULL);

    for (i = 0; i < items(tokens); i++) {
        rc = image_token_parse(&token, bytes(tokens[i].json));

        number(rc, tokens[i].token ? 0 : -1, tokens[i].json);

        if (rc == 0) {
            is(token.token, token.len, tokens[i].token ? tokens[i].token : "",
               "  token");
            number((int64_t) strlen((char *) token.token),
                   (int64_t) token.len, "  ends with a NUL");
            number(token.expires_in, tokens[i].expires_in, "  expires in");
            free(token.token);
        }
    }

    return done();
}
