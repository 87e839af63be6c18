import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/** A broker's side of the login that Amazon MSK has: the token is a URL that AWS's credentials have
 * signed. The signature is computed again; the options of the JAAS entry are the credentials. */
public class IamLogin implements AuthenticateCallbackHandler {
    private static final String ALGORITHM = "AWS4-HMAC-SHA256";
    private Map<String, ?> options;

    private record Token(String value, long startMs) implements OAuthBearerToken {
        public Set<String> scope() {
            return Set.of();
        }

        public long lifetimeMs() {
            return startMs + 900_000;
        }

        public String principalName() {
            return "iam";
        }

        public Long startTimeMs() {
            return startMs;
        }
    }

    @Override
    public void configure(Map<String, ?> configs, String mechanism,
                          List<AppConfigurationEntry> entries) {
        options = entries.get(0).getOptions();
    }

    @Override
    public void close() {}

    @Override
    public void handle(Callback[] callbacks) {
        for (Callback each : callbacks) {
            // The broker itself logs in nowhere, so it needs no token.
            if (each instanceof OAuthBearerValidatorCallback asked) {
                try {
                    asked.token(check(asked.tokenValue()));
                } catch (Exception failure) {
                    asked.error("access denied: " + failure.getMessage(), null, null);
                }
            }
        }
    }

    private Token check(String value) throws Exception {
        if (value.contains("=")) {
            throw new Exception("padding");
        }
        String url = new String(Base64.getUrlDecoder().decode(value), StandardCharsets.UTF_8);
        String host = "kafka." + options.get("region") + ".amazonaws.com";
        String begin = "https://" + host + "/?";
        if (!url.startsWith(begin)) {
            throw new Exception("another URL: " + url);
        }
        Map<String, String> query = new TreeMap<>();
        for (String pair : url.substring(begin.length()).split("&")) {
            int at = pair.indexOf('=');
            query.put(pair.substring(0, at), pair.substring(at + 1));
        }
        String signature = query.remove("X-Amz-Signature");
        if (query.remove("User-Agent") == null) { // which is not signed
            throw new Exception("no User-Agent");
        }
        expect(query, "Action", "kafka-cluster:Connect");
        expect(query, "X-Amz-Algorithm", ALGORITHM);
        expect(query, "X-Amz-Expires", "900");
        expect(query, "X-Amz-SignedHeaders", "host");
        expect(query, "X-Amz-Security-Token", (String) options.get("sessionToken"));
        String time = query.get("X-Amz-Date");
        String date = time.substring(0, 8);
        String scope = date + "/" + options.get("region") + "/kafka-cluster/aws4_request";
        expect(query, "X-Amz-Credential", options.get("accessKey") + "/" + scope);
        Instant start = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'")
                            .withZone(ZoneOffset.UTC).parse(time, Instant::from);
        if (Duration.between(start, Instant.now()).abs().toMinutes() >= 15) {
            throw new Exception("another time");
        }
        String canonical = "GET\n/\n"
            + query.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue())
                  .collect(Collectors.joining("&"))
            + "\nhost:" + host + "\n\nhost\n" + sum("");
        byte[] key = ("AWS4" + options.get("secretKey")).getBytes(StandardCharsets.UTF_8);
        for (String part : (scope).split("/")) {
            key = hmac(key, part);
        }
        String ours = HexFormat.of().formatHex(
            hmac(key, ALGORITHM + "\n" + time + "\n" + scope + "\n" + sum(canonical)));
        if (!ours.equals(signature)) {
            throw new Exception("the signature does not match");
        }
        return new Token(value, start.toEpochMilli());
    }

    private static void expect(Map<String, String> query, String name, String wanted)
        throws Exception {
        String found = query.get(name);
        String plain = found == null ? null : URLDecoder.decode(found, StandardCharsets.UTF_8);
        if (!wanted.equals(plain)) {
            throw new Exception(name + " is " + plain);
        }
    }

    private static String sum(String text) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(
            text.getBytes(StandardCharsets.UTF_8)));
    }

    private static byte[] hmac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }
}
