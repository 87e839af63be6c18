"""Certificates of a test's own, made by openssl."""

import subprocess

SUBJECT_OF_CA = "/CN=a certificate authority of a test"


def openssl(*words, **more):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **more)


class Authority:
    """A certificate authority in a folder; `file` is its certificate."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.folder, self.file, self.key = folder, folder / "ca.pem", folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", 2, "-subj", SUBJECT_OF_CA, "-keyout", self.key,
                "-out", self.file)  # fmt: skip

    def issue(self, name, host="IP:127.0.0.1", dates=()):
        """A key and a certificate of `host`; gives their files. `dates`: its first and last, as
        20260101000000Z; without, it is good for two days."""
        key, request, file = (self.folder / f"{name}{end}" for end in (".key", ".csr", ".pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", key, "-out", request)  # fmt: skip
        more = self.folder / f"{name}.ext"
        more.write_text(f"subjectAltName={host}\n")
        signed = ["-in", request, "-out", file, "-extfile", more]
        if not dates:
            openssl("x509", "-req", "-CA", self.file, "-CAkey", self.key, "-CAcreateserial",
                    "-days", 2, *signed)  # fmt: skip
            return key, file
        (self.folder / "index.txt").touch()
        config = self.folder / "ca.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.folder}/index.txt\nrand_serial=yes\n"
            f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=any\n"
            "[any]\ncommonName=supplied\n"
        )
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.file,
                "-keyfile", self.key, "-startdate", dates[0], "-enddate", dates[1],
                *signed)  # fmt: skip
        return key, file

    def together(self, name, key, certificate):
        """Both in one file, as a broker takes them."""
        file = self.folder / f"{name}.both.pem"
        file.write_text(key.read_text() + certificate.read_text())
        return file
