"""URLs that try to reach what the hub must not reach. `{port}` stands for the port of a server that waits for them."""

# Hosts whose address is forbidden. Refused for the address, not for their form.
FORBIDDEN_ADDRESSES = """
0.0.0.0 0.0.0.1 0.255.255.255
10.0.0.0 10.0.0.1 10.255.255.255
100.64.0.0 100.100.100.200 100.127.255.255
127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 127.0.0.1.
169.254.0.1 169.254.100.1 169.254.169.123 169.254.169.253 169.254.169.254 169.254.170.2 169.254.170.23
172.16.0.0 172.17.0.1 172.31.255.255
192.0.0.0 192.0.0.170 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1
192.168.0.0 192.168.0.1 192.168.255.255 192.175.48.1
198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.254 255.255.255.255
[::] [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [0::1]
[::127.0.0.1] [::7f00:1] [::10.0.0.1] [::169.254.169.254]
[::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:127.0.0.1] [0:0:0:0:0:ffff:127.0.0.1] [0:0:0:0:0:ffff:7f00:0001]
[::ffff:10.0.0.1] [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [::ffff:0.0.0.0] [::ffff:192.168.1.1]
[::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b::8.8.8.8] [64:ff9b:1::1]
[100::1] [2001::1] [2001:0:7f00:1::] [2001:2::1] [2001:10::1] [2001:20::1] [2001:db8::1]
[2002:7f00:1::] [2002:a9fe:a9fe::] [2002:c0a8:101::1] [2002:0808:0808::1] [2620:4f:8000::1] [3fff::1] [3fff:fff::1]
[4000::1] [5f00::1] [1fff::1] [8000::1] [fc00::1] [fd00::1] [fd00:ec2::254] [fd20:ce::254] [fe80::1] [fe80::a9fe:a9fe]
[fec0::1] [feff::1] [ff00::1] [ff02::1] [ff0e::1]
""".split()

# Names, judged by what they resolve to; here every name resolves to loopback.
FORBIDDEN_NAMES = """
localhost LOCALHOST localhost. localhost.localdomain foo.localhost ip6-localhost ip6-loopback broadcasthost
metadata metadata.google.internal metadata.google.internal. instance-data instance-data.ec2.internal
metadata.azure.internal kubernetes.default.svc kubernetes.default.svc.cluster.local host.docker.internal
gateway.docker.internal printer.local router.lan intranet a.internal db.corp localtest.me 127.0.0.1.nip.io
127-0-0-1.sslip.io spoofed.burpcollaborator.net xn--bcher-kva.example api.example.com 1e100.net 0x7f000001.example
bücher.example münchen.test loc\u0430lhost\u0338 १२७.०.०.१ 例え.テスト
""".split()

# Refused for their form: each would reach the waiting server if some parser took it for 127.0.0.1.
ODD_HOSTS = """
2130706433 017700000001 0x7f000001 0x7F000001 0X7F000001 127.1 127.0.1 0177.0.0.1 0x7f.0.0.1 0x7f.1
0x7f.0x0.0x0.0x1 0177.0x0.0.01 127.0.0.01 127.0.0.001 127.00.0.1 127.0.0.0x1 0127.0.0.1 00000177.0.0.1
127.0.0.1.. 127..0.0.1 .127.0.0.1 127.0.0.1.0 127.0.0.256 256.256.256.256 127.0.0 127.0.0.1.1.1 4294967296
4294967295 0 00 0x 0x0 0.0 0.0.0 1.0x 3232235777 foo.0x7f foo.127 example.com.0 a.1. 127.0.0.1%00 127.0.0.1%20
127.0.0.1%2f 127.0.0.1%2523 %31%32%37.0.0.1 127%2e0%2e0%2e1 localhost%00 local%68ost %6c%6f%63%61%6c%68%6f%73%74
[127.0.0.1] [localhost] [::1 ::1] ::1 [] [[::1]] [::1]] [::1%25lo] [::1%lo] [fe80::1%25eth0] [::1]x x[::1]
[::1].example [v1.a] [:::1] [1:2:3:4:5:6:7:8:9] [::ffff:127.0.0.01] [::ffff:127.1] [::ffff:0x7f.0.0.1]
[2130706433] ① ①②⑦.⓪.⓪.① １２７.０.０.１ 127。0。0。1 127．0．0．1 127｡0｡0｡1 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ
ｌｏｃａｌｈｏｓｔ local\u00adhost local\u200bhost local\u200dhost local\ufeffhost localhost\u3002
\u202elocalhost ℓocalhost ㏕ ﬁ.example ٠.٠.٠.٠ ١٢٧.٠.٠.١ 𝟏𝟐𝟕.𝟎.𝟎.𝟏 -localhost localhost- local_-.-host a..b .
.. ..localhost local*host local$host local,host local;host local!host local'host (localhost) {localhost}
${localhost} {{host}} <localhost> local|host local^host local`host local"host local+host local=host local&host
local~host
""".split()

ODD_URLS = [
    # user names and passwords
    "http://user@127.0.0.1:{port}/",
    "http://user:password@127.0.0.1:{port}/",
    "http://@127.0.0.1:{port}/",
    "http://:@127.0.0.1:{port}/",
    "http://api.example.com@127.0.0.1:{port}/",
    "http://api.example.com:443@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@api.example.com/",
    "http://a@b@127.0.0.1:{port}/",
    "http://api.example.com%40@127.0.0.1:{port}/",
    "http://user@[::1]:{port}/",
    # fragments, backslashes, control characters, spaces
    "http://127.0.0.1:{port}/#",
    "http://127.0.0.1:{port}#@api.example.com/",
    "http://api.example.com#@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@api.example.com/",
    "http://api.example.com\\@127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}\\",
    "http:/\\127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/a\\b",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/ ",
    "\thttp://127.0.0.1:{port}/",
    "ht\ntp://127.0.0.1:{port}/",
    "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1:{port}/a b",
    "http://127.0.0.1:{port}/\r\nX-Injected: 1",
    "http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: evil\r\n\r\nGET /second",
    "http://127.0.0.1:{port}/\x00",
    "http://127.0.0.1:{port}/\x7f",
    "http://127.0.0.1:{port}/\x85",
    "http://127.0.0.1:{port}/\xa0",
    "http://127.0.0.1:{port}/\u2028",
    "http://127.0.0.1:{port}/\u3000",
    "http://127.0.0.1:{port}/\ud800",
    "http://127.0.0.1\x00.example.com:{port}/",
    # ports
    "http://127.0.0.1:/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:65536/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:-1/",
    "http://127.0.0.1:+{port}/",
    "http://127.0.0.1:0x50/",
    "http://127.0.0.1:{port}:443/",
    "http://127.0.0.1:443:{port}/",
    "http://127.0.0.1:٨٠/",
    "http://127.0.0.1:{port}a/",
    "http://127.0.0.1:{port},api.example.com/",
    "http://127.0.0.1,api.example.com:{port}/",
    # schemes and missing parts
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "file://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_GET%20/",
    "dict://127.0.0.1:{port}/",
    "ldap://127.0.0.1:{port}/",
    "ws://127.0.0.1:{port}/",
    "wss://127.0.0.1:{port}/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "javascript:alert(1)",
    "data:text/plain,hello",
    "jar:http://127.0.0.1:{port}/!/",
    "view-source:http://127.0.0.1:{port}/",
    "url:http://127.0.0.1:{port}/",
    "httpx://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "/127.0.0.1:{port}/",
    "127.0.0.1:{port}/",
    "127.0.0.1",
    "http:127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http://",
    "http:///",
    "http://?@127.0.0.1:{port}/",
    "http://:{port}/",
    "http://[::1]@127.0.0.1:{port}/",
    "",
    "http://127.0.0.1:{port}/" + "a" * 9000,
    "http://" + "a." * 127 + "example:{port}/",
    "http://" + "a" * 64 + ".example:{port}/",
    # the hub itself, by the names and addresses of its own port, and the runtime of its functions
    "http://hub.example.com:{port}/",
    "http://HUB.EXAMPLE.COM.:{port}/",
    "https://hub.example.com/",
    "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "http://localhost:9001/2018-06-01/runtime/invocation/next",
    "http://127.255.255.254:9001/",
    "http://[::1]:9001/",
    "http://[::ffff:127.0.0.1]:9001/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://169.254.170.2/v2/credentials/",
    "http://[fd00:ec2::254]/latest/meta-data/",
]
