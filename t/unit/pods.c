/*
 * image_pods.c: lists of pods, shaped as the Kubernetes API gives them.
 */

#include <stdlib.h>

#include "tap.h"
#include "image_pods.h"


#define HEX_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                             \
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"                             \
               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A      "sha256:" HEX_A
#define B      "sha256:" HEX_B
#define C      "sha512:" HEX_A HEX_B

#define HUB    "docker.io/library/golang@"

/* a list, a pod, and what stands in it */

#define LIST(items)  PAGE("", items)
#define PAGE(token, items)                                                   \
    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{"             \
    "\"resourceVersion\":\"10245\"" token "},\"items\":[" items "]}"
#define CONTINUE(token)  ",\"continue\":\"" token "\","                      \
    "\"remainingItemCount\":1"

#define POD(spec, status)                                                    \
    "{\"metadata\":{\"name\":\"build-7f9c\",\"namespace\":\"ci\"},"          \
    "\"spec\":{" spec "},\"status\":{" status "}}"
#define SPEC(name, image)                                                    \
    "\"containers\":[{\"name\":\"" name "\",\"image\":\"" image "\","        \
    "\"resources\":{},\"imagePullPolicy\":\"IfNotPresent\"}]"
#define STATUS(name, image, id, state)                                       \
    "\"containerStatuses\":[{\"name\":\"" name "\",\"state\":{" state "},"   \
    "\"lastState\":{},\"ready\":true,\"restartCount\":0,"                    \
    "\"image\":\"" image "\",\"imageID\":\"" id "\"}]"

#define RUNNING  "\"running\":{\"startedAt\":\"2024-05-02T09:14:07Z\"}"
#define WAITING  "\"waiting\":{\"reason\":\"ContainerCreating\"}"
#define ENDED    "\"terminated\":{\"exitCode\":0,\"reason\":\"Completed\"}"
#define PHASE(name)     "\"phase\":\"" name "\","
#define AT(address)     "\"phase\":\"Running\",\"podIP\":\"" address "\","
#define HOST            "\"hostNetwork\":true,"

/* the one that most of them are about */

#define IMAGE           "golang:1.22"
#define ID(id)          STATUS("go", "docker.io/library/" IMAGE, id, RUNNING)
#define RUNS(id)        POD(SPEC("go", IMAGE), PHASE("Running") ID(id))
#define RUNS_AT(address, id)                                                 \
    POD(SPEC("go", IMAGE), AT(address) ID(id))

#define NONE  IMAGE_NOT_FOUND
#define BAD   IMAGE_BAD_RESPONSE
#define MANY  IMAGE_AMBIGUOUS
#define OK    IMAGE_OK


/*
 * A pod as an API server shows it whole: a sidecar among its init containers,
 * an ephemeral container, two address families; containerd's names of the
 * images are not those of the spec.
 */

static const char  whole[] =
    "{"
      "\"kind\": \"PodList\","
      "\"apiVersion\": \"v1\","
      "\"metadata\": {\"resourceVersion\": \"1550321\"},"
      "\"items\": ["
        "{"
          "\"metadata\": {"
            "\"name\": \"runner-x2k4v\","
            "\"generateName\": \"runner-\","
            "\"namespace\": \"ci\","
            "\"uid\": \"4a8bd8e4-2f0e-4c5c-9f4b-0b6e7d2f6f11\","
            "\"resourceVersion\": \"1550298\","
            "\"creationTimestamp\": \"2024-05-02T09:13:58Z\","
            "\"labels\": {\"app\": \"runner\"},"
            "\"annotations\": {\"note\": \"{\\\"image\\\":\\\"golang\\\"}\"},"
            "\"managedFields\": ["
              "{\"manager\": \"kubelet\", \"operation\": \"Update\","
               "\"fieldsType\": \"FieldsV1\", \"fieldsV1\": {\"f:status\":"
                 "{\"f:podIPs\": {\".\": {},"
                  "\"k:{\\\"ip\\\":\\\"10.244.1.7\\\"}\": {\".\": {}}}}},"
               "\"subresource\": \"status\"}"
            "]"
          "},"
          "\"spec\": {"
            "\"initContainers\": ["
              "{\"name\": \"clone\", \"image\": \"alpine/git:2.43.0\","
               "\"resources\": {}},"
              "{\"name\": \"proxy\", \"image\": \"envoyproxy/envoy:v1.30.1\","
               "\"restartPolicy\": \"Always\", \"resources\": {}}"
            "],"
            "\"containers\": ["
              "{\"name\": \"build\", \"image\": \"golang:1.22\","
               "\"command\": [\"make\"], \"resources\": {\"limits\":"
                 "{\"cpu\": \"2\", \"memory\": \"4Gi\"}},"
               "\"terminationMessagePath\": \"/dev/termination-log\","
               "\"imagePullPolicy\": \"IfNotPresent\"},"
              "{\"name\": \"cache\", \"image\": \"registry.corp:5000/cache\","
               "\"resources\": {}},"
              "{\"name\": \"pinned\", \"image\": \"redis:7@" B "\","
               "\"resources\": {}}"
            "],"
            "\"ephemeralContainers\": ["
              "{\"name\": \"debugger\", \"image\": \"busybox\","
               "\"targetContainerName\": \"build\", \"resources\": {}}"
            "],"
            "\"restartPolicy\": \"Never\","
            "\"nodeName\": \"worker-1\","
            "\"securityContext\": {}"
          "},"
          "\"status\": {"
            "\"phase\": \"Running\","
            "\"conditions\": ["
              "{\"type\": \"Ready\", \"status\": \"True\","
               "\"lastProbeTime\": null,"
               "\"lastTransitionTime\": \"2024-05-02T09:14:07Z\"}"
            "],"
            "\"hostIP\": \"172.18.0.3\","
            "\"hostIPs\": [{\"ip\": \"172.18.0.3\"}],"
            "\"podIP\": \"10.244.1.7\","
            "\"podIPs\": [{\"ip\": \"10.244.1.7\"}, {\"ip\": \"fd00::1:7\"}],"
            "\"startTime\": \"2024-05-02T09:13:58Z\","
            "\"initContainerStatuses\": ["
              "{\"name\": \"clone\","
               "\"state\": {\"terminated\": {\"exitCode\": 0,"
                 "\"reason\": \"Completed\","
                 "\"startedAt\": \"2024-05-02T09:13:59Z\","
                 "\"finishedAt\": \"2024-05-02T09:14:01Z\","
                 "\"containerID\": \"containerd://5f1c\"}},"
               "\"lastState\": {}, \"ready\": true, \"restartCount\": 0,"
               "\"image\": \"docker.io/alpine/git:2.43.0\","
               "\"imageID\": \"docker.io/alpine/git@" A "\","
               "\"containerID\": \"containerd://5f1c\","
               "\"started\": false},"
              "{\"name\": \"proxy\", \"state\": {" RUNNING "},"
               "\"lastState\": {}, \"ready\": true, \"restartCount\": 0,"
               "\"image\": \"docker.io/envoyproxy/envoy:v1.30.1\","
               "\"imageID\": \"docker.io/envoyproxy/envoy@" A "\","
               "\"containerID\": \"containerd://9d20\","
               "\"started\": true}"
            "],"
            "\"containerStatuses\": ["
              "{\"name\": \"cache\", \"state\": {" RUNNING "},"
               "\"lastState\": {\"terminated\": {\"exitCode\": 137}},"
               "\"ready\": true, \"restartCount\": 1,"
               "\"image\": \"registry.corp:5000/cache:latest\","
               "\"imageID\": \"" A "\","
               "\"containerID\": \"containerd://5f1c\","
               "\"started\": true},"
              "{\"name\": \"build\", \"state\": {" RUNNING "},"
               "\"lastState\": {}, \"ready\": true, \"restartCount\": 0,"
               "\"image\": \"docker.io/library/golang:1.22-bookworm\","
               "\"imageID\": \"docker.io/library/golang@" A "\","
               "\"containerID\": \"containerd://9d20\","
               "\"started\": true},"
              "{\"name\": \"pinned\", \"state\": {" RUNNING "},"
               "\"lastState\": {}, \"ready\": true, \"restartCount\": 0,"
               "\"image\": \"" A "\","
               "\"imageID\": \"docker.io/library/redis@" B "\","
               "\"containerID\": \"containerd://5f1c\","
               "\"started\": true}"
            "],"
            "\"ephemeralContainerStatuses\": ["
              "{\"name\": \"debugger\", \"state\": {" RUNNING "},"
               "\"lastState\": {}, \"ready\": false, \"restartCount\": 0,"
               "\"image\": \"docker.io/library/busybox:latest\","
               "\"imageID\": \"docker.io/library/busybox@" A "\","
               "\"containerID\": \"containerd://9d20\"}"
            "],"
            "\"qosClass\": \"Burstable\""
          "}"
        "}"
      "]"
    "}";


static const struct {
    const char      *name;
    const char      *reference;
    const char      *address;
    const char      *body;
    image_reason_e   reason;
    const char      *digest;
} lists[] = {

    /* a whole pod */

    { "the spec's name, not the status'", "golang:1.22", "", whole, OK, A },
    { "the status' name is nobody's", "golang:1.22-bookworm", "", whole,
      NONE, "" },
    { "canonical", "docker.io/library/golang:1.22", "", whole, OK, A },
    { "another registry", "quay.io/library/golang:1.22", "", whole,
      NONE, "" },
    { "another tag", "golang:1.21", "", whole, NONE, "" },
    { "a port, no tag", "registry.corp:5000/cache:latest", "", whole, OK, A },
    { "an init container that has ended", "alpine/git:2.43.0", "", whole,
      NONE, "" },
    { "a sidecar", "envoyproxy/envoy:v1.30.1", "", whole, OK, A },
    { "an ephemeral container", "busybox", "", whole, OK, A },
    { "a pinned spec names no tag", "redis:7", "", whole, NONE, "" },
    { "but for the pod of an address", "redis:7", "10.244.1.7", whole,
      OK, B },
    { "and only its own", "redis:6", "10.244.1.7", whole, NONE, "" },
    { "by its address", "golang:1.22", "10.244.1.7", whole, OK, A },
    { "by its second address", "golang:1.22", "fd00::1:7", whole, OK, A },
    { "its node's address", "golang:1.22", "172.18.0.3", whole, NONE, "" },
    { "another address", "golang:1.22", "10.244.1.70", whole, NONE, "" },

    /* forms of an imageID */

    { "containerd, CRI-O", IMAGE, "", LIST(RUNS(HUB A)), OK, A },
    { "another repository", IMAGE, "", LIST(RUNS("mirror.corp/x/y@" A)),
      OK, A },
    { "containerd, an image's id", IMAGE, "", LIST(RUNS(A)), OK, A },
    { "CRI-O, an image's id", IMAGE, "", LIST(RUNS(HEX_A)), OK, A },
    { "docker, pulled", IMAGE, "", LIST(RUNS("docker-pullable://golang@" A)),
      OK, A },
    { "docker, built", IMAGE, "", LIST(RUNS("docker://" A)), OK, A },
    { "no digest", IMAGE, "", LIST(RUNS("golang:1.22")), BAD, "" },
    { "none at all", IMAGE, "", LIST(RUNS("")), BAD, "" },
    { "one of them with no digest", IMAGE, "",
      LIST(RUNS(HUB A) "," RUNS("")), BAD, "" },
    { "an imageID that is absent", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":[{\"name\":\"go\","
               "\"state\":{" RUNNING "}}]")), BAD, "" },
    { "another container's with no digest", IMAGE, "",
      LIST(RUNS(HUB A) ","
           POD(SPEC("x", "alpine"), STATUS("x", "alpine", "", RUNNING))),
      OK, A },

    /* states */

    { "no pods", IMAGE, "", LIST(""), NONE, "" },
    { "items null", IMAGE, "",
      "{\"kind\":\"PodList\",\"items\":null}", NONE, "" },
    { "waiting", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), PHASE("Pending")
               STATUS("go", IMAGE, "", WAITING))), NONE, "" },
    { "terminated", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), PHASE("Running")
               STATUS("go", IMAGE, HUB A, ENDED))), NONE, "" },
    { "no state is waiting", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), STATUS("go", IMAGE, HUB A, ""))),
      NONE, "" },
    { "a state of null", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":[{\"name\":\"go\","
               "\"imageID\":\"" HUB A "\",\"state\":{\"running\":null}}]")),
      NONE, "" },
    { "no status yet", IMAGE, "",
      LIST("{\"metadata\":{\"name\":\"x\"},\"spec\":{" SPEC("go", IMAGE)
           "}}"), NONE, "" },
    { "a waiting one does not disagree", IMAGE, "",
      LIST(RUNS(HUB A) "," POD(SPEC("go", IMAGE), STATUS("go", IMAGE, HUB B,
                                                         WAITING))), OK, A },
    { "a pod that has failed, and its lost kubelet's word", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), PHASE("Failed") ID(HUB A))), NONE, "" },
    { "one of them has", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), PHASE("Failed") ID(HUB A)) ","
           RUNS(HUB B)), OK, B },

    /* several */

    { "they agree", IMAGE, "", LIST(RUNS(HUB A) "," RUNS("x/y@" A)), OK, A },
    { "they disagree", IMAGE, "", LIST(RUNS(HUB A) "," RUNS(HUB B)),
      MANY, "" },
    { "another algorithm", IMAGE, "", LIST(RUNS(HUB A) "," RUNS(HUB C)),
      MANY, "" },
    { "in one pod", IMAGE, "",
      LIST(POD("\"containers\":[{\"name\":\"a\",\"image\":\"golang:1.22\"},"
               "{\"name\":\"b\",\"image\":\"library/golang:1.22\"}]",
               "\"containerStatuses\":[{\"name\":\"a\",\"imageID\":\"x@" A
               "\",\"state\":{" RUNNING "}},{\"name\":\"b\",\"imageID\":\"x@"
               B "\",\"state\":{" RUNNING "}}]")), MANY, "" },
    { "disagreement says more than no digest", IMAGE, "",
      LIST(RUNS(HUB A) "," RUNS("") "," RUNS(HUB B)), MANY, "" },

    /* joined by name */

    { "status.image alone", IMAGE, "",
      LIST(POD(SPEC("go", "golang:1.21"), ID(HUB A))), NONE, "" },
    { "another container's name", IMAGE, "",
      LIST(POD(SPEC("og", IMAGE), ID(HUB A))), NONE, "" },
    { "another kind of container", IMAGE, "",
      LIST(POD("\"initContainers\":[{\"name\":\"go\",\"image\":\"" IMAGE
               "\"}]", ID(HUB A))), NONE, "" },
    { "the same name in two kinds", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE) ",\"initContainers\":[{\"name\":\"go\","
               "\"image\":\"alpine\"}]",
               ID(HUB A) ",\"initContainerStatuses\":[{\"name\":\"go\","
               "\"imageID\":\"" HUB B "\",\"state\":{" RUNNING "}}]")),
      OK, A },
    { "the order is another", IMAGE, "",
      LIST(POD("\"containers\":[{\"name\":\"a\",\"image\":\"golang:1.21\"},"
               "{\"name\":\"b\",\"image\":\"golang:1.22\"}]",
               "\"containerStatuses\":[{\"name\":\"b\",\"imageID\":\"x@" B
               "\",\"state\":{" RUNNING "}},{\"name\":\"a\",\"imageID\":\"x@"
               A "\",\"state\":{" RUNNING "}}]")), OK, B },
    { "a name that does not parse", IMAGE, "",
      LIST(POD(SPEC("go", "golang:1.22 "), ID(HUB A))), NONE, "" },
    { "no name of an image", IMAGE, "",
      LIST(POD("\"containers\":[{\"name\":\"go\"}]", ID(HUB A))), NONE, "" },
    { "latest is no other tag", "golang", "",
      LIST(POD(SPEC("go", "golang"), ID(HUB A)) "," RUNS(HUB B)), OK, A },
    { "pinned without a tag, at an address", "golang", "10.0.0.1",
      LIST(POD(SPEC("go", "golang@" A), AT("10.0.0.1") ID(HUB A))),
      NONE, "" },
    { "pinned, but another one runs", IMAGE, "10.0.0.1",
      LIST(POD(SPEC("go", IMAGE "@" A), AT("10.0.0.1") ID(HUB B))), OK, B },
    { "pinned, beside one that is not", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE "@" A), ID(HUB A)) "," RUNS(HUB B)), OK, B },

    /* addresses */

    { "at the address", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.1", HUB A)), OK, A },
    { "at another", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.2", HUB A) "," RUNS_AT("10.0.0.1", HUB B)),
      OK, B },
    { "it runs something else", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.2", HUB A) ","
           POD(SPEC("x", "alpine"), AT("10.0.0.1")
               STATUS("x", "alpine", HUB B, RUNNING))), NONE, "" },
    { "IPv6 in another form", IMAGE, "fd00::1",
      LIST(RUNS_AT("FD00:0:0:0:0:0:0:1", HUB A)), OK, A },
    { "a mapped IPv4 address", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("::ffff:10.0.0.1", HUB A)), OK, A },
    { "a mapped IPv4 address, asked for", IMAGE, "::ffff:a00:1",
      LIST(RUNS_AT("10.0.0.1", HUB A)), OK, A },
    { "not a prefix", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.11", HUB A)), NONE, "" },
    { "an address that is none", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.1x", HUB A)), BAD, "" },
    { "it is asked for one that is none", IMAGE, "10.0.0",
      LIST(RUNS_AT("10.0.0.1", HUB A)), BAD, "" },
    { "a long one", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("00000000000000000000000000000000000000000000000000001",
                   HUB A)), BAD, "" },
    { "not given yet", IMAGE, "10.0.0.1",
      LIST(POD(SPEC("go", IMAGE), "\"podIP\":\"\"," ID(HUB A)) ","
           POD(SPEC("go", IMAGE), ID(HUB A))), NONE, "" },
    { "two of them", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.1", HUB A) "," RUNS_AT("10.0.0.1", HUB A)),
      MANY, "" },
    { "two of them, one runs something else", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.1", HUB A) ","
           POD(SPEC("x", "alpine"), AT("10.0.0.1")
               STATUS("x", "alpine", HUB B, RUNNING))), MANY, "" },
    { "two of them, one by its second address", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.1", HUB A) ","
           POD(SPEC("x", "alpine"), PHASE("Running") "\"podIP\":\"fd00::1\","
               "\"podIPs\":[{\"ip\":\"fd00::1\"},{\"ip\":\"10.0.0.1\"}]")),
      MANY, "" },
    { "the other one succeeded", IMAGE, "10.0.0.1",
      LIST(POD(SPEC("go", IMAGE), "\"podIP\":\"10.0.0.1\","
               PHASE("Succeeded") ID(HUB B)) ","
           RUNS_AT("10.0.0.1", HUB A)), OK, A },
    { "the other one failed", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.1", HUB A) ","
           POD(SPEC("go", IMAGE), "\"podIP\":\"10.0.0.1\","
               PHASE("Failed") ID(HUB B))), OK, A },
    { "the other one is pending", IMAGE, "10.0.0.1",
      LIST(RUNS_AT("10.0.0.1", HUB A) ","
           POD(SPEC("go", IMAGE), "\"podIP\":\"10.0.0.1\","
               PHASE("Pending") STATUS("go", IMAGE, "", WAITING))),
      MANY, "" },
    { "the host's network", IMAGE, "10.0.0.1",
      LIST(POD(HOST SPEC("go", IMAGE), AT("10.0.0.1") ID(HUB A))),
      MANY, "" },
    { "the host's network, no podIP yet", IMAGE, "10.0.0.1",
      LIST(POD(HOST SPEC("go", IMAGE), "\"hostIP\":\"10.0.0.1\"")),
      MANY, "" },
    { "the host's network, elsewhere", IMAGE, "10.0.0.1",
      LIST(POD(HOST SPEC("go", IMAGE), AT("10.0.0.2") ID(HUB A))),
      NONE, "" },
    { "the host's network, no address asked for", IMAGE, "",
      LIST(POD(HOST SPEC("go", IMAGE), AT("10.0.0.2") ID(HUB A))), OK, A },
    { "not the host's network", IMAGE, "10.0.0.1",
      LIST(POD("\"hostNetwork\":false," SPEC("go", IMAGE),
               AT("10.0.0.1") ID(HUB A))), OK, A },

    /* malformed */

    { "nothing", IMAGE, "", "", BAD, "" },
    { "no JSON", IMAGE, "", "<html>", BAD, "" },
    { "an array", IMAGE, "", "[]", BAD, "" },
    { "cut off", IMAGE, "",
      "{\"kind\":\"PodList\",\"items\":[" RUNS(HUB A), BAD, "" },
    { "a Status", IMAGE, "",
      "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
      "\"status\":\"Failure\",\"code\":403}", BAD, "" },
    { "no kind", IMAGE, "", "{\"items\":[" RUNS(HUB A) "]}", BAD, "" },
    { "another kind", IMAGE, "",
      "{\"kind\":\"PodTemplateList\",\"items\":[" RUNS(HUB A) "]}",
      BAD, "" },
    { "another version", IMAGE, "",
      "{\"kind\":\"PodList\",\"apiVersion\":\"v2\",\"items\":["
      RUNS(HUB A) "]}", BAD, "" },
    { "no items", IMAGE, "", "{\"kind\":\"PodList\"}", BAD, "" },
    { "items is no array", IMAGE, "",
      "{\"kind\":\"PodList\",\"items\":{}}", BAD, "" },
    { "kind twice", IMAGE, "",
      "{\"kind\":\"PodList\",\"kind\":\"PodList\",\"items\":[]}", BAD, "" },
    { "metadata is no object", IMAGE, "",
      "{\"kind\":\"PodList\",\"metadata\":1,\"items\":[]}", BAD, "" },
    { "continue is no string", IMAGE, "",
      PAGE(",\"continue\":1", RUNS(HUB A)), BAD, "" },
    { "continue with a line end", IMAGE, "",
      PAGE(CONTINUE("a\\nb"), RUNS(HUB A)), BAD, "" },
    { "a pod that is no object", IMAGE, "", LIST(RUNS(HUB A) ",1"),
      BAD, "" },
    { "a pod that is null", IMAGE, "", LIST(RUNS(HUB A) ",null"), BAD, "" },
    { "no spec", IMAGE, "", LIST(RUNS(HUB A) ",{\"status\":{}}"), BAD, "" },
    { "spec is no object", IMAGE, "",
      LIST(RUNS(HUB A) ",{\"spec\":[]}"), BAD, "" },
    { "status is no object", IMAGE, "",
      LIST(RUNS(HUB A) ",{\"spec\":{},\"status\":\"x\"}"), BAD, "" },
    { "phase is no string", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"phase\":1," ID(HUB A))), BAD, "" },
    { "hostNetwork is no boolean", IMAGE, "10.0.0.1",
      LIST(POD("\"hostNetwork\":\"true\"," SPEC("go", IMAGE),
               AT("10.0.0.1") ID(HUB A))), BAD, "" },
    { "podIP is no string", IMAGE, "10.0.0.1",
      LIST(POD(SPEC("go", IMAGE), "\"podIP\":1," ID(HUB A))), BAD, "" },
    { "podIPs is no array", IMAGE, "10.0.0.1",
      LIST(POD(SPEC("go", IMAGE), "\"podIPs\":{}," ID(HUB A))), BAD, "" },
    { "podIPs of strings", IMAGE, "10.0.0.1",
      LIST(POD(SPEC("go", IMAGE), "\"podIPs\":[\"10.0.0.1\"]," ID(HUB A))),
      BAD, "" },
    { "containers is no array", IMAGE, "",
      LIST(RUNS(HUB A) "," POD("\"containers\":{}", "\"phase\":\"Running\"")),
      BAD, "" },
    { "a container that is no object", IMAGE, "",
      LIST(POD("\"containers\":[\"golang\"]", ID(HUB A))), BAD, "" },
    { "a container without a name", IMAGE, "",
      LIST(POD("\"containers\":[{\"image\":\"golang\"}]", ID(HUB A))),
      BAD, "" },
    { "a container's image is no string", IMAGE, "",
      LIST(POD("\"containers\":[{\"name\":\"go\",\"image\":[]}]",
               ID(HUB A))), BAD, "" },
    { "two containers of a name", IMAGE, "",
      LIST(POD("\"containers\":[{\"name\":\"go\",\"image\":\"golang:1.21\"},"
               "{\"name\":\"go\",\"image\":\"golang:1.22\"}]", ID(HUB A))),
      BAD, "" },
    { "statuses are no array", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":{}")), BAD, "" },
    { "a status that is no object", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":[[]]")), BAD, "" },
    { "a status without a name", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":[{\"imageID\":\""
               HUB A "\",\"state\":{" RUNNING "}}]")), BAD, "" },
    { "a status' name is no string", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":[{\"name\":1}]")),
      BAD, "" },
    { "two statuses of a container", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":[{\"name\":\"go\","
               "\"imageID\":\"" HUB A "\",\"state\":{" RUNNING "}},"
               "{\"name\":\"go\",\"imageID\":\"\",\"state\":{" WAITING
               "}}]")), BAD, "" },
    { "imageID is no string", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":[{\"name\":\"go\","
               "\"imageID\":{},\"state\":{" RUNNING "}}]")), BAD, "" },
    { "state is no object", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), "\"containerStatuses\":[{\"name\":\"go\","
               "\"imageID\":\"" HUB A "\",\"state\":\"running\"}]")),
      BAD, "" },
    { "running is no object", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), STATUS("go", IMAGE, HUB A,
                                         "\"running\":true"))), BAD, "" },
    { "running and terminated", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE), STATUS("go", IMAGE, HUB A,
                                         RUNNING "," ENDED))), BAD, "" },
    { "a NUL in a name", IMAGE, "",
      LIST(POD(SPEC("go", IMAGE "\\u0000"), ID(HUB A))), BAD, "" }
};


static const struct {
    const char  *text;
    const char  *digest;            /* or "": none */
} ids[] = {
    { "docker.io/library/golang@" A, A },
    { "registry.corp:5000/team/app@" A, A },
    { "golang:1.22@" A, A },
    { "import-2024-05-02@" A, A },
    { "docker-pullable://golang@" A, A },
    { "docker-pullable://registry.corp:5000/app@" C, C },
    { "docker://" A, A },
    { A, A },
    { C, C },
    { HEX_A, A },
    { "", "" },
    { "golang", "" },
    { "golang:1.22", "" },
    { "golang@", "" },
    { "@" A, "" },
    { "golang@" A "x", "" },
    { "golang@" A " ", "" },
    { "golang@sha256:" HEX_A "aa", "" },
    { "golang@md5:" HEX_A, "" },
    { "golang@" HEX_A, "" },
    { "Golang@" A, "" },
    { "sha256:" HEX_A HEX_B, "" },
    { "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "" },
    { HEX_A "a", "" },
    { HEX_A HEX_B, "" },
    { "docker://", "" },
    { "docker://" HEX_A, "" },
    { "docker://golang@" A, "" },
    { "docker-pullable://", "" },
    { "docker-pullable://" A, "" },
    { "docker-pullable://" HEX_A, "" },
    { "docker-pullable://docker-pullable://golang@" A, "" },
    { "containerd://" HEX_A, "" },
    { "cri-o://" A, "" }
};


static void pages(void);
static void bounds(void);
static image_reason_e page(image_pods_t *pods, const char *body);


int
main(void)
{
    size_t              i, len;
    u_char              text[IMAGE_DIGEST_TEXT];
    image_pods_t        pods;
    image_digest_t      digest;
    image_reason_e      read, reason;
    image_reference_t   reference;

    for (i = 0; i < items(lists); i++) {
        image_reference_parse(&reference, bytes(lists[i].reference));

        memset(&pods, 0, sizeof(image_pods_t));
        pods.reference = &reference;
        pods.address.data = (const u_char *) lists[i].address;
        pods.address.len = strlen(lists[i].address);

        read = page(&pods, lists[i].body);
        reason = image_pods_end(&pods);

        same(image_reason_name(reason), image_reason_name(lists[i].reason),
             lists[i].name);

        if (read != IMAGE_OK) {
            number(read, BAD, "  malformed");
            number(lists[i].reason, BAD, "  as it should be");

        } else if (reason == IMAGE_OK) {
            len = image_digest_format(&pods.digest, text);
            is(text, len, lists[i].digest, "  digest");
        }
    }

    for (i = 0; i < items(ids); i++) {
        memset(&digest, 0xff, sizeof(image_digest_t));

        number(image_pods_image_id(&digest, bytes(ids[i].text)),
               ids[i].digest[0] ? 0 : -1, ids[i].text);

        len = image_digest_format(&digest, text);
        is(text, len, ids[i].digest, "  digest");
    }

    pages();
    bounds();

    return done();
}


/* a body in memory of its own size: reading past it is found */

static image_reason_e
page(image_pods_t *pods, const char *body)
{
    size_t           len;
    u_char          *copy;
    image_reason_e   reason;

    len = strlen(body);
    copy = malloc(len ? len : 1);
    memcpy(copy, body, len);

    reason = image_pods_page(pods, copy, len);

    free(copy);

    return reason;
}


/* what one page says is not forgotten on the next */

static void
pages(void)
{
    size_t              i, k;
    image_pods_t        pods;
    image_reference_t   reference;

    static const struct {
        const char      *name;
        const char      *address;
        const char      *body[3];
        image_reason_e   reason;
        size_t           containers;
        size_t           pods;
    } runs[] = {
        { "found on the first page", "",
          { PAGE(CONTINUE("t1"), RUNS(HUB A)), LIST("") }, OK, 1, 0 },
        { "found on the last", "",
          { PAGE(CONTINUE("t1"), ""), LIST(RUNS(HUB A)) }, OK, 1, 0 },
        { "on both", "",
          { PAGE(CONTINUE("t1"), RUNS(HUB A)), LIST(RUNS(HUB A)) },
          OK, 2, 0 },
        { "pages disagree", "",
          { PAGE(CONTINUE("t1"), RUNS(HUB A)), LIST(RUNS(HUB B)) },
          MANY, 2, 0 },
        { "one without a digest", "",
          { PAGE(CONTINUE("t1"), RUNS("")), LIST(RUNS(HUB B)) }, BAD, 2, 0 },
        { "two pods at an address", "10.0.0.1",
          { PAGE(CONTINUE("t1"), RUNS_AT("10.0.0.1", HUB A)),
            LIST(RUNS_AT("10.0.0.1", HUB A)) }, MANY, 2, 2 },
        { "one pod at an address", "10.0.0.1",
          { PAGE(CONTINUE("t1"), RUNS_AT("10.0.0.1", HUB A)),
            LIST(RUNS_AT("10.0.0.2", HUB B)) }, OK, 1, 1 },
        { "the last page was not read", "",
          { PAGE(CONTINUE("t1"), RUNS(HUB A)) }, BAD, 1, 0 },
        { "a page was malformed", "",
          { PAGE(CONTINUE("t1"), RUNS(HUB A)), "{}" }, BAD, 1, 0 }
    };

    image_reference_parse(&reference, bytes(IMAGE));

    for (i = 0; i < items(runs); i++) {
        memset(&pods, 0, sizeof(image_pods_t));
        pods.reference = &reference;
        pods.address.data = (const u_char *) runs[i].address;
        pods.address.len = strlen(runs[i].address);

        for (k = 0; k < 3 && runs[i].body[k] != NULL; k++) {
            page(&pods, runs[i].body[k]);

            if (k == 0) {
                is(pods.next, pods.next_len, "t1", "continue");

            } else {
                number((int64_t) pods.next_len, 0, "no more");
            }
        }

        same(image_reason_name(image_pods_end(&pods)),
             image_reason_name(runs[i].reason), runs[i].name);
        number((int64_t) pods.containers, (int64_t) runs[i].containers,
               "  containers");
        number((int64_t) pods.pods, (int64_t) runs[i].pods, "  pods");
    }

    memset(&pods, 0, sizeof(image_pods_t));
    pods.reference = &reference;

    page(&pods, PAGE(CONTINUE(""), RUNS(HUB A)));
    number(image_pods_end(&pods), OK, "an empty token is none");
}


/* a page of 500 pods is read, one that takes memory or time is not */

static void
bounds(void)
{
    char               *body, *p;
    size_t              i, k;
    image_pods_t        pods;
    image_reference_t   reference;

    static const char  begin[] = "{\"kind\":\"PodList\",\"items\":[";
    static const char  pod[] = RUNS(HUB A) ",";

    image_reference_parse(&reference, bytes(IMAGE));

    body = malloc(IMAGE_PODS_PAGE + 2);

    /* some 1000 values in a pod, its managedFields most of them */

    p = body;
    memcpy(p, begin, sizeof(begin) - 1);
    p += sizeof(begin) - 1;

    for (i = 0; i < 500; i++) {
        memcpy(p, "{\"x\":[", 6);
        p += 6;
        memset(p, ' ', 1800);

        for (k = 0; k < 900; k++) {
            memcpy(p, "1,", 2);
            p += 2;
        }

        memcpy(p - 1, "],", 2);
        p++;
        memcpy(p, pod + 1, sizeof(pod) - 2);
        p += sizeof(pod) - 2;
    }

    memcpy(p - 1, "]}", 3);

    memset(&pods, 0, sizeof(image_pods_t));
    pods.reference = &reference;

    number(page(&pods, body), OK, "500 large pods");
    number((int64_t) pods.containers, 500, "  all of them");
    number(image_pods_end(&pods), OK, "  which agree");

    /* one list of one pod: must not take the square of its length */

    p = body;
    p += sprintf(p, "%s{\"spec\":{\"containers\":[", begin);

    for (i = 0; i < 50000; i++) {
        p += sprintf(p, "{\"name\":\"%zu\",\"image\":\"" IMAGE "\"},", i);
    }

    p += sprintf(p - 1, "]},\"status\":{\"containerStatuses\":[") - 1;

    for (i = 0; i < 50000; i++) {
        p += sprintf(p, "{\"name\":\"%zu\",\"state\":{\"running\":{}},"
                     "\"imageID\":\"" A "\"},", i);
    }

    sprintf(p - 1, "]}}]}");

    memset(&pods, 0, sizeof(image_pods_t));
    pods.reference = &reference;

    number(page(&pods, body), OK, "50000 containers");
    number((int64_t) pods.containers, 50000, "  all of them");

    /* values */

    p = body;
    p += sprintf(p, "{\"kind\":\"PodList\",\"items\":[],\"x\":[");

    for (i = 0; i < IMAGE_PODS_VALUES + 1; i++) {
        memcpy(p, "1,", 2);
        p += 2;
    }

    memcpy(p - 1, "]}", 3);

    memset(&pods, 0, sizeof(image_pods_t));
    pods.reference = &reference;

    number(page(&pods, body), BAD, "too many values");

    /* depth */

    p = body;
    p += sprintf(p, "{\"kind\":\"PodList\",\"items\":");
    memset(p, '[', 100000);
    p[100000] = '\0';

    number(page(&pods, body), BAD, "too deep");

    /* the token */

    p = body;
    p += sprintf(p, "{\"kind\":\"PodList\",\"items\":[],"
                 "\"metadata\":{\"continue\":\"");
    memset(p, 'a', IMAGE_PODS_CONTINUE);
    memcpy(p + IMAGE_PODS_CONTINUE, "\"}}", 4);

    memset(&pods, 0, sizeof(image_pods_t));
    pods.reference = &reference;

    number(page(&pods, body), OK, "a long token");
    number((int64_t) pods.next_len, IMAGE_PODS_CONTINUE, "  its length");

    memcpy(p + IMAGE_PODS_CONTINUE, "a\"}}", 5);
    number(page(&pods, body), BAD, "a longer one");
    number((int64_t) pods.next_len, 0, "  is not kept");

    /* bytes */

    memset(body, ' ', IMAGE_PODS_PAGE + 1);
    memcpy(body, bytes(LIST("")));

    memset(&pods, 0, sizeof(image_pods_t));
    pods.reference = &reference;

    number(image_pods_page(&pods, (u_char *) body, IMAGE_PODS_PAGE), OK,
           "as large as allowed");
    number(image_pods_page(&pods, (u_char *) body, IMAGE_PODS_PAGE + 1), BAD,
           "a byte larger");

    free(body);
}
