/*
 * image_inspect.c: what Docker and Podman answer about an image, and which
 * digest is taken of it.
 */

#include <stdlib.h>

#include "tap.h"
#include "image_inspect.h"


#define HEX_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                             \
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"                             \
               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_9  "99999999999999999999999999999999"                             \
               "99999999999999999999999999999999"
#define A      "sha256:" HEX_A
#define B      "sha256:" HEX_B
#define N      "sha256:" HEX_9
#define LONG   "sha512:" HEX_9 HEX_9

#define IMAGE     "golang:1.22"
#define PLATFORM  "linux/amd64"

#define ID(text)         "\"Id\":\"" text "\","
#define DIGEST(text)     "\"Digest\":\"" text "\","
#define REPO(list)       "\"RepoDigests\":[" list "],"
#define ON(os, arch)     "\"Os\":\"" os "\",\"Architecture\":\"" arch "\""
#define ON3(os, arch, v) ON(os, arch) ",\"Variant\":\"" v "\""
#define AMD64            ON("linux", "amd64")

#define DESCRIPTOR(text)                                                     \
    "\"Descriptor\":{\"mediaType\":\"application/vnd.oci.image.index.v1"     \
    "+json\",\"digest\":\"" text "\",\"size\":9999}"
#define PLATFORMS(list)  ",\"Platforms\":[" list "]"
#define IS(os, arch)                                                         \
    "{\"architecture\":\"" arch "\",\"os\":\"" os "\"}"

#define NONE  IMAGE_PLATFORM_NOT_FOUND
#define BAD   IMAGE_BAD_RESPONSE
#define OK    IMAGE_OK


typedef enum {
    DOCKER = 1,
    PODMAN = 2,
    BOTH = 3
} engine_e;


typedef struct {
    engine_e         engines;
    const char      *image;
    const char      *platform;     /* "" without one */
    const char      *body;
    image_reason_e   reason;
    const char      *digest;       /* "" without one */
} inspect_t;


typedef struct {
    const char      *platform;
    const char      *body;
    image_reason_e   reason;
    const char      *digest;
} distribution_t;


typedef struct {
    const char      *body;
    const char      *text;         /* NULL: none */
} text_t;


/* what the engines show, shortened */

static const char  docker[] =
    "{"
      "\"Id\": \"sha256:" HEX_9 "\","
      "\"RepoTags\": [\"golang:1.22\", \"r.corp:5000/go:1\"],"
      "\"RepoDigests\": [\"golang@" B "\", \"r.corp:5000/go@" A "\"],"
      "\"Parent\": \"\","
      "\"Comment\": \"buildkit.dockerfile.v0\","
      "\"Created\": \"2024-05-07T18:02:31Z\","
      "\"Config\": {"
        "\"Hostname\": \"\", \"AttachStdin\": false,"
        "\"Env\": [\"PATH=/go/bin:/usr/bin\", \"GOTOOLCHAIN=local\"],"
        "\"Cmd\": [\"bash\"], \"Volumes\": null,"
        "\"Labels\": {\"Id\": \"" A "\", \"RepoDigests\": \"golang@" A "\"}"
      "},"
      "\"Architecture\": \"amd64\","
      "\"Os\": \"linux\","
      "\"Size\": 822823938,"
      "\"GraphDriver\": {\"Data\": null, \"Name\": \"overlay2\"},"
      "\"RootFS\": {\"Type\": \"layers\", \"Layers\": [\"" A "\"]},"
      "\"Metadata\": {\"LastTagTime\": \"0001-01-01T00:00:00Z\"}"
    "}\n";

static const char  podman[] =
    "{"
      "\"Id\": \"" HEX_9 "\","
      "\"Digest\": \"" B "\","
      "\"RepoTags\": [\"docker.io/library/golang:1.22\"],"
      "\"RepoDigests\": ["
        "\"docker.io/library/golang@" A "\","
        "\"docker.io/library/golang@" B "\""
      "],"
      "\"Parent\": \"\","
      "\"Version\": \"\","
      "\"Config\": {\"Env\": [\"PATH=/usr/bin\"], \"Cmd\": [\"bash\"]},"
      "\"Architecture\": \"amd64\","
      "\"Os\": \"linux\","
      "\"Labels\": null,"
      "\"Annotations\": {},"
      "\"ManifestType\": \"application/vnd.oci.image.manifest.v1+json\","
      "\"History\": [{\"created\": \"2024-05-07T18:02:31Z\","
      " \"empty_layer\": true}],"
      "\"NamesHistory\": [\"docker.io/library/golang:1.22\"]"
    "}\n";


/*
 * As they came: Docker 20.10, which leaves the digest of an index with the
 * image that was pulled first, of another platform; and Podman 4.3.1.
 */

static const char  docker_moved[] =
    "{\"Id\":\"sha256:f88ec9f84194e8e17f043834fa5f374f6405cfc90e2"
    "3cec323f65fe038d2be4c\",\"RepoTags\":[\"r.test:5000/app:1\"],"
    "\"RepoDigests\":[],\"Parent\":\"\",\"Comment\":\"\","
    "\"Created\":\"0001-01-01T00:00:00Z\",\"DockerVersion\":\"\","
    "\"Author\":\"\",\"Config\":{\"Hostname\":\"\",\"Domainname\":\"\","
    "\"User\":\"\",\"AttachStdin\":false,\"AttachStdout\":false,"
    "\"AttachStderr\":false,\"Tty\":false,\"OpenStdin\":false,"
    "\"StdinOnce\":false,\"Env\":null,\"Cmd\":null,\"Image\":\"\","
    "\"Volumes\":null,\"WorkingDir\":\"\",\"Entrypoint\":null,"
    "\"OnBuild\":null,\"Labels\":null},\"Architecture\":\"arm64\","
    "\"Os\":\"linux\",\"Size\":47,\"VirtualSize\":47,"
    "\"GraphDriver\":{\"Data\":null,\"Name\":\"vfs\"},"
    "\"RootFS\":{\"Type\":\"layers\","
    "\"Layers\":[\"sha256:9e641bffee9353f09a19f5978df2f707a4ea849"
    "410ced7a36b1c06476c0c0122\"]},"
    "\"Metadata\":{\"LastTagTime\":\"0001-01-01T00:00:00Z\"}}";

static const char  podman_whole[] =
    "{\"Id\":\"06ebbb6b5abe0ceb95dbdc577d9e6c2577c5017f482a1b055a"
    "1e2523245583f3\","
    "\"Digest\":\"sha256:061f6969e86ac8f4280ce187e88822635a9038fb"
    "d0060ea38e5dab73d16880c6\",\"RepoTags\":[\"r.test:5000/app:1\"],"
    "\"RepoDigests\":[\"r.test:5000/app@sha256:061f6969e86ac8f428"
    "0ce187e88822635a9038fbd0060ea38e5dab73d16880c6\","
    "\"r.test:5000/app@sha256:9012c0489aef1ebedba5cbbad350f0a1b12"
    "47e85a7cdb9b72534cd3d13897bfd\"],\"Parent\":\"\",\"Comment\":\"\","
    "\"Created\":null,\"Config\":{},\"Version\":\"\",\"Author\":\"\","
    "\"Architecture\":\"arm64\",\"Os\":\"linux\",\"Size\":3513,"
    "\"VirtualSize\":3513,\"GraphDriver\":{\"Name\":\"vfs\",\"Data\":null},"
    "\"RootFS\":{\"Type\":\"layers\","
    "\"Layers\":[\"sha256:b200b0702a30cc0b0617baee26f8590b9f62c54"
    "02f7b60940d6077cf17460579\"]},\"Labels\":null,\"Annotations\":{},"
    "\"ManifestType\":\"application/vnd.oci.image.manifest.v1+json\","
    "\"User\":\"\",\"History\":null,"
    "\"NamesHistory\":[\"r.test:5000/app:1\"]}";


static const inspect_t  inspects[] = {

    { DOCKER, IMAGE, PLATFORM, docker, OK, B },
    { DOCKER, "r.corp:5000/go:2", PLATFORM, docker, OK, A },
    { PODMAN, IMAGE, PLATFORM, podman, OK, B },

    { DOCKER, "r.test:5000/app:1", "linux/arm64", docker_moved, OK,
      "sha256:f88ec9f84194e8e17f043834fa5f374f"
      "6405cfc90e23cec323f65fe038d2be4c" },
    { DOCKER, "r.test:5000/app:1", PLATFORM, docker_moved, NONE, "" },
    { PODMAN, "r.test:5000/app:1", "linux/arm64", podman_whole, OK,
      "sha256:061f6969e86ac8f4280ce187e8882263"
      "5a9038fbd0060ea38e5dab73d16880c6" },
    { PODMAN, "r.test:5000/app:1", PLATFORM, podman_whole, NONE, "" },

    /* Docker's names are familiar ones, Podman's full; each reads both */

    { BOTH, IMAGE, "", "{" REPO("\"golang@" A "\"") AMD64 "}", OK, A },
    { BOTH, IMAGE, "", "{" REPO("\"docker.io/library/golang@" A "\"") AMD64
      "}", OK, A },
    { BOTH, IMAGE, "", "{" REPO("\"index.docker.io/golang@" A "\"") AMD64
      "}", OK, A },
    { BOTH, "corp/app", "", "{" REPO("\"golang@" A "\",\"corp/app@" B "\"")
      AMD64 "}", OK, B },
    { BOTH, "localhost:5000/x/y:1", "", "{"
      REPO("\"x/y@" A "\",\"localhost:5000/x/y@" B "\"") AMD64 "}", OK, B },
    { BOTH, "localhost/app", "", "{"
      REPO("\"app@" A "\",\"localhost/app@" B "\"") AMD64 "}", OK, B },
    { BOTH, IMAGE, "", "{" REPO("\"golang:1.22@" A "\"") AMD64 "}", OK, A },

    /* another repository is one of another host, or of a longer path */

    { BOTH, "r.corp/go:1", "", "{"
      REPO("\"r.corp:5000/go@" A "\",\"r.corp/go@" B "\"") AMD64 "}", OK, B },
    { BOTH, "r.corp/go:1", "", "{"
      REPO("\"r.corp/go/lang@" A "\",\"r.corp/go@" B "\"") AMD64 "}", OK, B },
    { BOTH, "r.corp/go:1", "", "{"
      REPO("\"r.corp/g@" A "\",\"r.corp/go@" B "\"") AMD64 "}", OK, B },
    { BOTH, "r.corp/go:1", "", "{"
      REPO("\"r.corp/no@" A "\",\"r.corp/go@" B "\"") AMD64 "}", OK, B },
    { BOTH, "r.corp/go:1", "", "{"
      REPO("\"q.corp/go@" A "\",\"r.corp/go@" B "\"") AMD64 "}", OK, B },

    /* several: the least by its text */

    { BOTH, IMAGE, "", "{" REPO("\"golang@" B "\",\"golang@" A "\"") AMD64
      "}", OK, A },
    { BOTH, IMAGE, "", "{" REPO("\"golang@" A "\",\"golang@" B "\"") AMD64
      "}", OK, A },
    { BOTH, IMAGE, "", "{" REPO("\"golang@" B "\",\"golang@" A "\","
      "\"golang@" N "\"") AMD64 "}", OK, N },
    { BOTH, IMAGE, "", "{" REPO("\"golang@" LONG "\",\"golang@" B "\"") AMD64
      "}", OK, B },
    { BOTH, IMAGE, "", "{" REPO("\"golang@" B "\",\"app@" A "\"") AMD64
      "}", OK, B },
    { BOTH, IMAGE, "", "{" REPO("\"golang@" LONG "\"") AMD64 "}", OK, LONG },
    { BOTH, IMAGE, "", "{" ID(N) REPO("\"x@" B "\",\"golang@" A "\","
      "\"golang:1.22\"") AMD64 "}", OK, A },

    /* none of the repository: the first that parses, not the least */

    { BOTH, IMAGE, "", "{" ID(N) REPO("\"x@" B "\",\"y@" A "\"") AMD64 "}",
      OK, B },
    { BOTH, IMAGE, "", "{" ID(N) REPO("\"<none>@<none>\",\"x@" B "\"") AMD64
      "}", OK, B },
    { BOTH, IMAGE, "", "{" ID(N) REPO("\"<none>@" A "\",\"x\",\"x:1\",\"\","
      "\"x@\",\"@" A "\",\"x@sha256:1\",\"X@" A "\",\"x@" A "a\","
      "\"" HEX_A "\",\"" A "\",\"golang@sha1:" HEX_A "\",\"x@" B "\"")
      AMD64 "}", OK, B },
    { BOTH, IMAGE, "", "{" REPO("\"golang@SHA256:" HEX_A "\",\"golang@" B
      "\"") AMD64 "}", OK, B },

    /* none at all: the Id */

    { BOTH, IMAGE, "", "{" ID(N) AMD64 "}", OK, N },
    { BOTH, IMAGE, "", "{" ID(N) REPO("") AMD64 "}", OK, N },
    { BOTH, IMAGE, "", "{" ID(N) "\"RepoDigests\":null," AMD64 "}", OK, N },
    { BOTH, IMAGE, "", "{" ID(N) REPO("\"<none>@<none>\"") AMD64 "}", OK, N },
    { BOTH, IMAGE, "", "{" ID(LONG) AMD64 "}", OK, LONG },
    { PODMAN, IMAGE, "", "{" ID(HEX_9) AMD64 "}", OK, N },
    { DOCKER, IMAGE, "", "{" ID(HEX_9) AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID("") AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID("sha256:9") AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(HEX_9 "9") AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(HEX_9 HEX_9) AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID("Z9999999999999999999999999999999"
      "99999999999999999999999999999999") AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID("A9999999999999999999999999999999"
      "99999999999999999999999999999999") AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{\"Id\":null," AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{" AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{\"id\":\"" N "\"," AMD64 "}", BAD, "" },

    /* an Id that is none hurts nobody who does not need it */

    { BOTH, IMAGE, "", "{" ID("x") REPO("\"golang@" A "\"") AMD64 "}", OK,
      A },

    /* Podman's Digest */

    { PODMAN, IMAGE, "", "{" DIGEST(B) REPO("\"golang@" B "\",\"golang@" A
      "\"") AMD64 "}", OK, B },
    { PODMAN, IMAGE, "", "{" DIGEST(B) REPO("\"golang@" A "\",\"golang@" B
      "\"") AMD64 "}", OK, B },
    { DOCKER, IMAGE, "", "{" DIGEST(B) REPO("\"golang@" A "\",\"golang@" B
      "\"") AMD64 "}", OK, A },
    { PODMAN, IMAGE, "", "{" DIGEST(LONG) REPO("\"golang@" A "\",\"golang@"
      LONG "\"") AMD64 "}", OK, LONG },

    { PODMAN, IMAGE, "", "{" DIGEST(N) REPO("\"golang@" B "\",\"golang@" A
      "\"") AMD64 "}", OK, A },
    { PODMAN, IMAGE, "", "{" DIGEST(N) REPO("\"golang@" B "\",\"x@" N "\"")
      AMD64 "}", OK, B },
    { PODMAN, IMAGE, "", "{" DIGEST(N) REPO("\"x@" B "\",\"y@" N "\"")
      AMD64 "}", OK, B },
    { PODMAN, IMAGE, "", "{" DIGEST(N) ID(HEX_A) AMD64 "}", OK, A },
    { PODMAN, IMAGE, "", "{" DIGEST(N) AMD64 "}", BAD, "" },
    { PODMAN, IMAGE, "", "{" DIGEST("") REPO("\"golang@" A "\"") AMD64 "}",
      OK, A },
    { PODMAN, IMAGE, "", "{\"Digest\":null," REPO("\"golang@" A "\"") AMD64
      "}", OK, A },
    { PODMAN, IMAGE, "", "{\"Digest\":1," REPO("\"golang@" A "\"") AMD64 "}",
      BAD, "" },
    { DOCKER, IMAGE, "", "{\"Digest\":1," REPO("\"golang@" A "\"") AMD64 "}",
      OK, A },

    /* the platform */

    { BOTH, IMAGE, PLATFORM, "{" ID(N) AMD64 "}", OK, N },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON("Linux", "AMD64") "}", OK, N },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON3("linux", "amd64", "") "}", OK, N },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) AMD64 ",\"Variant\":null}", OK, N },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON("linux", "arm64") "}", NONE, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON("windows", "amd64") "}", NONE, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON3("linux", "amd64", "v3") "}", NONE,
      "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON("linux", "amd64/v3") "}", NONE,
      "" },
    { BOTH, IMAGE, "linux/amd64/v3", "{" ID(N) ON3("linux", "amd64", "v3")
      "}", OK, N },
    { BOTH, IMAGE, "linux/amd64/v3", "{" ID(N) AMD64 "}", NONE, "" },
    { BOTH, IMAGE, "linux/arm64", "{" ID(N) ON3("linux", "arm64", "v8") "}",
      OK, N },
    { BOTH, IMAGE, "linux/arm64/v8", "{" ID(N) ON("linux", "arm64") "}", OK,
      N },
    { BOTH, IMAGE, "linux/arm", "{" ID(N) ON3("linux", "arm", "v7") "}", OK,
      N },
    { DOCKER, IMAGE, "linux/arm", "{" ID(N) ON("linux", "arm") "}", OK,
      N },
    { PODMAN, IMAGE, "linux/arm", "{" ID(N) ON("linux", "arm") "}", NONE, "" },
    { BOTH, IMAGE, "linux/arm", "{" ID(N) ON3("linux", "arm", "v6") "}", NONE,
      "" },
    { BOTH, IMAGE, "", "{" ID(N) ON("windows", "x") "}", OK, N },

    { BOTH, IMAGE, PLATFORM, "{" ID(N) "\"Os\":\"linux\"}", BAD, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) "\"Architecture\":\"amd64\"}", BAD,
      "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) "\"Os\":null,\"Architecture\":"
      "\"amd64\"}", BAD, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON("", "") "}", BAD, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON("linux", "") "}", BAD, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON("", "amd64") "}", BAD, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) "\"os\":\"linux\",\"architecture\":"
      "\"amd64\"}", BAD, "" },
    { BOTH, IMAGE, "", "{\"Id\":\"" N "\"}", OK, N },

    /* another type is not the same as absent */

    { BOTH, IMAGE, PLATFORM, "{" ID(N) AMD64 ",\"Variant\":8}", BAD, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) "\"Os\":1,\"Architecture\":\"amd64\"}",
      BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) "\"Os\":[]}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) "\"Architecture\":{}}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) AMD64 ",\"Variant\":false}", BAD, "" },
    { BOTH, IMAGE, "", "{\"Id\":9," REPO("\"golang@" A "\"") AMD64 "}", BAD,
      "" },
    { BOTH, IMAGE, "", "{" ID(N) "\"RepoDigests\":\"golang@" A "\"}", BAD,
      "" },
    { BOTH, IMAGE, "", "{" ID(N) "\"RepoDigests\":{\"golang\":\"" A "\"}}",
      BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) "\"RepoDigests\":false}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) REPO("\"golang@" A "\",1") AMD64 "}", BAD,
      "" },
    { BOTH, IMAGE, "", "{" ID(N) REPO("\"golang@" A "\",null") AMD64 "}", BAD,
      "" },
    { BOTH, IMAGE, "", "{" ID(N) REPO("[\"golang@" A "\"]") AMD64 "}", BAD,
      "" },

    /* what is bad comes before what is for another platform */

    { BOTH, IMAGE, PLATFORM, "{\"Id\":9," ON("linux", "arm64") "}", BAD, "" },
    { BOTH, IMAGE, PLATFORM, "{" ON("linux", "arm64") "}", BAD, "" },

    /* no such answer */

    { BOTH, IMAGE, "", "", BAD, "" },
    { BOTH, IMAGE, "", "{}", BAD, "" },
    { BOTH, IMAGE, "", "null", BAD, "" },
    { BOTH, IMAGE, "", "\"" N "\"", BAD, "" },
    { BOTH, IMAGE, "", "[{" ID(N) AMD64 "}]", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) AMD64 "}}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) AMD64, BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) ID(N) AMD64 "}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) AMD64 ",\"x\":{\"a\":1,\"a\":1}}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) AMD64 ",\"x\":\"\xff\"}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) AMD64 ",\"x\":\"\xc0\x80\"}", BAD, "" },
    { BOTH, IMAGE, "", "{" ID(N) AMD64 ",\"x\":\"\\ud800\"}", BAD, "" },
    { BOTH, IMAGE, PLATFORM, "{" ID(N) ON("linux\\u0000", "amd64") "}", BAD,
      "" },
    { BOTH, IMAGE, "", "{" REPO("\"golang@" A "\\u0000\"") AMD64 "}", BAD,
      "" },
    { BOTH, IMAGE, "", "{\"message\":\"No such image: golang:1.22\"}", BAD,
      "" },
    { BOTH, IMAGE, "", "<html>" N "</html>", BAD, "" },
};


static const distribution_t  distributions[] = {

    { "", "{" DESCRIPTOR(A) PLATFORMS(IS("linux", "amd64")) "}", OK, A },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS(IS("linux", "amd64")) "}", OK,
      A },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS(IS("linux", "arm64") ","
      IS("unknown", "unknown") "," IS("linux", "amd64")) "}", OK, A },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS(IS("linux", "amd64") ","
      IS("linux", "s390x")) "}", OK, A },
    { "", "{" DESCRIPTOR(LONG) "}", OK, LONG },

    { "windows/amd64", "{" DESCRIPTOR(A) PLATFORMS("{\"architecture\":"
      "\"amd64\",\"os\":\"windows\",\"os.version\":\"10.0.20348.2461\"}")
      "}", OK, A },
    { "linux/arm64", "{" DESCRIPTOR(A) PLATFORMS("{\"architecture\":"
      "\"arm64\",\"os\":\"linux\",\"variant\":\"v8\"}") "}", OK, A },
    { "linux/arm", "{" DESCRIPTOR(A) PLATFORMS("{\"architecture\":"
      "\"arm\",\"os\":\"linux\",\"variant\":\"v6\"}") "}", NONE, "" },

    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS(IS("linux", "arm64")) "}", NONE,
      "" },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS("") "}", NONE, "" },
    { PLATFORM, "{" DESCRIPTOR(A) ",\"Platforms\":null}", NONE, "" },
    { PLATFORM, "{" DESCRIPTOR(A) "}", NONE, "" },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS("{}") "}", NONE, "" },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS("{\"os\":\"linux\"}") "}", NONE,
      "" },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS("{\"Os\":\"linux\","
      "\"Architecture\":\"amd64\"}") "}", NONE, "" },

    /* other types, also beside the one that is asked for, also if none is */

    { PLATFORM, "{" DESCRIPTOR(A) ",\"Platforms\":{}}", BAD, "" },
    { "", "{" DESCRIPTOR(A) ",\"Platforms\":\"linux/amd64\"}", BAD, "" },
    { "", "{" DESCRIPTOR(A) PLATFORMS("\"linux/amd64\"") "}", BAD, "" },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS(IS("linux", "amd64") ",null")
      "}", BAD, "" },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS(IS("linux", "amd64")
      ",{\"os\":1}") "}", BAD, "" },
    { PLATFORM, "{" DESCRIPTOR(A) PLATFORMS("{\"os\":\"linux\","
      "\"architecture\":\"amd64\",\"variant\":3}") "}", BAD, "" },
    { "", "{" DESCRIPTOR(A) PLATFORMS("{\"architecture\":[]}") "}", BAD, "" },

    { "", "{\"Descriptor\":{\"size\":1}}", BAD, "" },
    { "", "{\"Descriptor\":{\"digest\":null}}", BAD, "" },
    { "", "{\"Descriptor\":{\"digest\":1}}", BAD, "" },
    { "", "{" DESCRIPTOR("") "}", BAD, "" },
    { "", "{" DESCRIPTOR(HEX_A) "}", BAD, "" },
    { "", "{" DESCRIPTOR(A " ") "}", BAD, "" },
    { "", "{" DESCRIPTOR("golang@" A) "}", BAD, "" },
    { "", "{\"Descriptor\":[]}", BAD, "" },
    { "", "{\"Descriptor\":null}", BAD, "" },
    { "", "{\"Descriptor\":\"" A "\"}", BAD, "" },
    { "", "{\"descriptor\":{\"digest\":\"" A "\"}}", BAD, "" },
    { "", "{\"digest\":\"" A "\"}", BAD, "" },
    { "", "{" DESCRIPTOR(A) "," DESCRIPTOR(A) "}", BAD, "" },
    { "", "{}", BAD, "" },
    { "", "[]", BAD, "" },
    { "", "", BAD, "" },
};


static const text_t  errors[] = {
    { "{\"message\":\"No such image: golang:9\"}\n",
      "No such image: golang:9" },
    { "{\"cause\":\"no such image\",\"message\":\"failed to find image "
      "golang:9: golang:9: no such image\",\"response\":404}\n",
      "failed to find image golang:9: golang:9: no such image" },
    { "{\"message\":\"\"}", "" },
    { "{\"message\":\"a\\r\\n\\tb\\u0000\\u001b[0m\\u007f ~\"}",
      "a???b??[0m? ~" },
    { "{\"message\":\"\xc3\xa9\\u20ac\"}", "?????" },

    { "", NULL },
    { "{}", NULL },
    { "{\"message\":null}", NULL },
    { "{\"message\":404}", NULL },
    { "{\"message\":{\"message\":\"x\"}}", NULL },
    { "{\"Message\":\"x\"}", NULL },
    { "{\"cause\":\"no such image\",\"response\":404}", NULL },
    { "{\"errors\":[{\"code\":\"x\",\"message\":\"x\"}]}", NULL },
    { "{\"message\":\"x\",\"message\":\"y\"}", NULL },
    { "{\"message\":\"\xff\"}", NULL },
    { "[{\"message\":\"x\"}]", NULL },
    { "\"message\"", NULL },
    { "404 page not found\n", NULL },
    { "<html>message</html>", NULL },
};


static const text_t  answers[] = {
    { "{\"digest\":\"" A "\"}", A },
    { "{\"digest\":\"" LONG "\"}\r\n", LONG },
    { " {\"image\":\"golang\",\"digest\":\"" B "\",\"x\":[null]} ", B },

    { "{\"digest\":\"" HEX_A "\"}", NULL },
    { "{\"digest\":\"golang@" A "\"}", NULL },
    { "{\"digest\":\" " A "\"}", NULL },
    { "{\"digest\":\"" A "\\n\"}", NULL },
    { "{\"digest\":\"" A "\\u0000\"}", NULL },
    { "{\"digest\":\"SHA256:" HEX_A "\"}", NULL },
    { "{\"digest\":\"md5:" HEX_A "\"}", NULL },
    { "{\"digest\":\"\"}", NULL },
    { "{\"digest\":null}", NULL },
    { "{\"digest\":[\"" A "\"]}", NULL },
    { "{\"Digest\":\"" A "\"}", NULL },
    { "{\"digest\":\"" A "\",\"digest\":\"" B "\"}", NULL },
    { "{\"digest\":\"" A "\"}{\"digest\":\"" A "\"}", NULL },
    { "{\"digest\":\"" A "\"", NULL },
    { "{}", NULL },
    { "[\"" A "\"]", NULL },
    { "\"" A "\"", NULL },
    { A, NULL },
    { "", NULL },
};


static void engines(void);
static void distribution(void);
static void messages(void);
static void digests(void);
static void bounds(void);
static void digest_is(const image_digest_t *digest, const char *expected);
static void set(image_reference_t *reference, const char *image,
    image_platform_t *platform, const char *text);


int
main(void)
{
    engines();
    distribution();
    messages();
    digests();
    bounds();

    return done();
}


static void
engines(void)
{
    size_t              i;
    image_digest_t      digest;
    const inspect_t    *t;
    image_platform_t    platform;
    image_reference_t   reference;

    for (i = 0; i < items(inspects); i++) {
        t = &inspects[i];

        set(&reference, t->image, &platform, t->platform);

        if (t->engines & DOCKER) {
            memset(&digest, 1, sizeof(image_digest_t));

            number(image_inspect_docker(&digest, bytes(t->body), &reference,
                                        &platform),
                   t->reason, t->body);
            digest_is(&digest, t->digest);
        }

        if (t->engines & PODMAN) {
            memset(&digest, 1, sizeof(image_digest_t));

            number(image_inspect_podman(&digest, bytes(t->body), &reference,
                                        &platform),
                   t->reason, t->body);
            digest_is(&digest, t->digest);
        }
    }

    /* NUL is no blank */

    set(&reference, IMAGE, &platform, "");

    number(image_inspect_docker(&digest, (const u_char *) docker,
                                sizeof(docker), &reference, &platform),
           BAD, "a NUL at the end");
    digest_is(&digest, "");
}


static void
distribution(void)
{
    size_t                 i;
    image_digest_t         digest;
    image_platform_t       platform;
    image_reference_t      reference;
    const distribution_t  *t;

    for (i = 0; i < items(distributions); i++) {
        t = &distributions[i];

        set(&reference, IMAGE, &platform, t->platform);
        memset(&digest, 1, sizeof(image_digest_t));

        number(image_inspect_distribution(&digest, bytes(t->body), &platform),
               t->reason, t->body);
        digest_is(&digest, t->digest);
    }
}


static void
messages(void)
{
    int            rc;
    size_t         i, used;
    u_char         message[64];
    const text_t  *t;

    for (i = 0; i < items(errors); i++) {
        t = &errors[i];
        used = 1;

        rc = image_inspect_error(bytes(t->body), message, sizeof(message),
                                 &used);

        number(rc, t->text != NULL, t->body);
        is(message, used, t->text ? t->text : "", "  its message");
    }

    /* its begin, and not a byte more */

    memset(message, 0xff, sizeof(message));

    number(image_inspect_error(bytes("{\"message\":\"abcdef\"}"), message, 4,
                               &used),
           1, "a small buffer");
    is(message, used, "abcd", "  is filled");
    number(message[4], 0xff, "  and no more");

    number(image_inspect_error(bytes("{\"message\":\"abcdef\"}"), message, 0,
                               &used),
           1, "no buffer");
    number((int64_t) used, 0, "  is not filled");
}


static void
digests(void)
{
    size_t           i;
    const text_t    *t;
    image_digest_t   digest;

    for (i = 0; i < items(answers); i++) {
        t = &answers[i];
        memset(&digest, 1, sizeof(image_digest_t));

        number(image_inspect_answer(&digest, bytes(t->body)),
               t->text ? OK : BAD, t->body);
        digest_is(&digest, t->text ? t->text : "");
    }
}


static void
bounds(void)
{
    char               *body, *p;
    size_t              i, used;
    u_char              message[8];
    image_digest_t      digest;
    image_platform_t    platform;
    image_reference_t   reference;

    set(&reference, IMAGE, &platform, PLATFORM);

    body = malloc(IMAGE_INSPECT_MAX + 2);
    if (body == NULL) {
        abort();
    }

    /* bytes */

    memset(body, ' ', IMAGE_INSPECT_MAX + 1);
    memcpy(body, bytes("{" ID(N) AMD64 "," DESCRIPTOR(A)
                       PLATFORMS(IS("linux", "amd64"))
                       ",\"digest\":\"" B "\",\"message\":\"x\"}"));

#define inspect(call, n)                                                     \
    image_inspect_##call(&digest, (u_char *) body, n, &reference, &platform)

    number(inspect(docker, IMAGE_INSPECT_MAX), OK, "as large as allowed");
    digest_is(&digest, N);
    number(inspect(docker, IMAGE_INSPECT_MAX + 1), BAD, "  a byte larger");
    digest_is(&digest, "");
    number(inspect(podman, IMAGE_INSPECT_MAX), OK, "  Podman's");
    number(inspect(podman, IMAGE_INSPECT_MAX + 1), BAD, "  a byte larger");
    number(image_inspect_distribution(&digest, (u_char *) body,
                                      IMAGE_INSPECT_MAX, &platform),
           OK, "  a registry's");
    number(image_inspect_distribution(&digest, (u_char *) body,
                                      IMAGE_INSPECT_MAX + 1, &platform),
           BAD, "  a byte larger");
    number(image_inspect_answer(&digest, (u_char *) body, IMAGE_INSPECT_MAX),
           OK, "  an answer");
    number(image_inspect_answer(&digest, (u_char *) body,
                                IMAGE_INSPECT_MAX + 1),
           BAD, "  a byte larger");
    number(image_inspect_error((u_char *) body, IMAGE_INSPECT_MAX, message,
                               sizeof(message), &used),
           1, "  an error");
    number(image_inspect_error((u_char *) body, IMAGE_INSPECT_MAX + 1,
                               message, sizeof(message), &used),
           0, "  a byte larger");
    number((int64_t) used, 0, "  has no message");

    /* depth */

    p = body;
    p += sprintf(p, "{" ID(N) AMD64 ",\"x\":");
    memset(p, '[', 100000);

    for (i = 100000; i < 200000; i++) {
        p[i] = ']';
    }

    p += i;
    *p++ = '}';

    number(inspect(docker, (size_t) (p - body)), BAD, "too deep");

    /* values */

    p = body;
    p += sprintf(p, "{" ID(N) AMD64 ",\"x\":[");
    memset(p, ',', 3000000);
    p += 3000000;

    number(inspect(docker, (size_t) (p - body)), BAD, "too many values");

    /* what is looked for stands at the end of a long list */

    p = body;
    p += sprintf(p, "{\"Id\":\"" N "\"," AMD64 ",\"RepoDigests\":[");

    for (i = 0; i < 30000; i++) {
        p += sprintf(p, "\"r.corp/go/%zu@" B "\",", i);
    }

    p += sprintf(p, "\"golang@" A "\"]}");

    number(inspect(docker, (size_t) (p - body)), OK, "many repositories");
    digest_is(&digest, A);

    /* a name that is too long for one is passed over */

    p = body;
    p += sprintf(p, "{\"Id\":\"" N "\"," AMD64 ",\"RepoDigests\":[\"");
    memset(p, 'a', 1000000);
    p += 1000000;
    p += sprintf(p, "@" A "\"]}");

    number(inspect(docker, (size_t) (p - body)), OK, "a long name");
    digest_is(&digest, N);

    free(body);
}


static void
digest_is(const image_digest_t *digest, const char *expected)
{
    u_char  text[IMAGE_DIGEST_TEXT];

    is(text, image_digest_format(digest, text), expected, "  its digest");

    if (*expected == '\0') {
        number(digest->algorithm, IMAGE_DIGEST_NONE, "  it is none");
    }
}


static void
set(image_reference_t *reference, const char *image,
    image_platform_t *platform, const char *text)
{
    memset(platform, 0, sizeof(image_platform_t));

    if (image_reference_parse(reference, bytes(image)) != NULL
        || (*text && image_platform_parse(platform, bytes(text)) != NULL))
    {
        abort();
    }
}
