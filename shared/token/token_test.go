package token

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"polygate.example/shared/jwk"
)

// The examples of RFC 7515, A.2 and A.3, are tokens, good until 2011; those of A.4 and of RFC 8037, A.4, sign text that is no claims,
// so that their signatures are verified alone. A.1 and A.5 are what is never taken: a shared secret, and none.
func TestVectors(t *testing.T) {
	const (
		joe   = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
		rsaN  = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
		a2    = "eyJhbGciOiJSUzI1NiJ9." + joe + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
		a3    = "eyJhbGciOiJFUzI1NiJ9." + joe + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
		a1    = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
		a5    = "eyJhbGciOiJub25lIn0." + joe + "."
		keyA2 = `{"kty":"RSA","n":"` + rsaN + `","e":"AQAB"}`
		keyA3 = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
		keyA4 = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`
		keyEd = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	)
	keys, unusable := jwk.Read([]byte(`{"keys": [` + strings.Join([]string{keyA2, keyA3, keyA4, keyEd}, ",") + `]}`))
	if len(keys) != 4 {
		t.Fatal(unusable)
	}
	then := &clock{at: time.Unix(1300819380, 0).Add(-time.Minute)}
	v := newVerifier(Rules{Algorithms: jwk.Algorithms(), Issuer: "joe", RequireExpiry: true}, NewFixed(keys), then.now)
	for name, c := range map[string]struct {
		token string
		want  Reason
	}{"A.1": {a1, Algorithm}, "A.2": {a2, ""}, "A.3": {a3, ""}, "A.5": {a5, Algorithm}} {
		t.Run(name, func(t *testing.T) { wantReason(t, v, c.token, c.want) })
	}
	then.pass(time.Minute)
	wantReason(t, v, a2, Expired)
	wantReason(t, v, a3, Expired)
	for _, c := range []struct {
		method     jwt.SigningMethod
		input, sig string
		key        jwk.Key
	}{
		{jwt.SigningMethodES512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
			"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn", keys[2]},
		{jwt.SigningMethodEdDSA, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
			"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", keys[3]},
	} {
		sig, err := jwt.NewParser(jwt.WithStrictDecoding()).DecodeSegment(c.sig)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.method.Verify(c.input, sig, c.key.Public); err != nil || !c.key.Fits(c.method.Alg()) {
			t.Errorf("%s: %v", c.method.Alg(), err)
		}
		wantReason(t, v, c.input+"."+c.sig, Malformed)
	}
}

// Every attack on the token itself is refused, for the right reason.
func TestAttacks(t *testing.T) {
	k, now := keyPairs(), newClock()
	der, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	v := newVerifier(allRules, NewFixed([]jwk.Key{key("r", &k.rsa.PublicKey), key("e", &k.p256.PublicKey), key("f", &k.p384.PublicKey)}), now.now)
	claims := with()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, "ES256", k.p256, map[string]any{"kid": "e"}, claims)
	parts := strings.Split(good, ".")
	raw, err := k.other.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	embedded := map[string]any{"kty": "EC", "crv": "P-256", "x": b64(raw[1:33]), "y": b64(raw[33:])}
	unsigned := func(header string) string { return b64([]byte(header)) + "." + b64(payload) + "." }
	kid := func(id any) string { return sign(t, "ES256", k.other, map[string]any{"kid": id}, claims) }
	longRS := sign(t, "RS256", k.rsa, map[string]any{"kid": "r"}, claims)
	for name, c := range map[string]struct {
		token string
		want  Reason
	}{
		"good":                        {good, ""},
		"HS256 with the public key":   {sign(t, "HS256", public, map[string]any{"kid": "r"}, claims), Algorithm},
		"HS256 with the DER":          {sign(t, "HS256", der, map[string]any{"kid": "r"}, claims), Algorithm},
		"HS256 with nothing":          {sign(t, "HS256", []byte{}, nil, claims), Algorithm},
		"none":                        {unsigned(`{"alg":"none"}`), Algorithm},
		"None":                        {unsigned(`{"alg":"None","kid":"e"}`), Algorithm},
		"nOnE":                        {unsigned(`{"alg":"nOnE"}`), Algorithm},
		"NONE":                        {unsigned(`{"alg":"NONE"}`), Algorithm},
		"none with a signature":       {b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + parts[2], Algorithm},
		"no algorithm":                {unsigned(`{"kid":"e"}`), Algorithm},
		"empty algorithm":             {unsigned(`{"alg":""}`), Algorithm},
		"algorithm of another type":   {unsigned(`{"alg":256}`), Algorithm},
		"algorithm twice":             {unsigned(`{"alg":"ES256","alg":"none"}`), Algorithm},
		"lower-case algorithm":        {unsigned(`{"alg":"es256"}`), Algorithm},
		"no signature":                {parts[0] + "." + parts[1] + ".", BadSignature},
		"zero signature":              {parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)), BadSignature},
		"signature of another token":  {parts[0] + "." + b64(payload) + "." + strings.Split(kid("e"), ".")[2], BadSignature},
		"other claims":                {parts[0] + "." + b64([]byte(`{"iss":"me","aud":"you","sub":"root","exp":4102444800}`)) + "." + parts[2], BadSignature},
		"RSA key with an EC alg":      {unsigned(`{"alg":"ES256","kid":"r"}`), Algorithm},
		"EC key with an RSA alg":      {sign(t, "RS256", k.rsa, map[string]any{"kid": "e"}, claims), Algorithm},
		"P-256 key with ES384":        {sign(t, "ES384", k.p384, map[string]any{"kid": "e"}, claims), Algorithm},
		"other RSA key":               {sign(t, "RS256", k.otherRSA, map[string]any{"kid": "r"}, claims), BadSignature},
		"RS256 as PS256":              {b64([]byte(`{"alg":"PS256","kid":"r"}`)) + longRS[strings.IndexByte(longRS, '.'):], BadSignature},
		"kid is a path":               {kid("../../../../dev/null"), UnknownKey},
		"kid is SQL":                  {kid("x' UNION SELECT 'key';--"), UnknownKey},
		"kid is a URL":                {kid("http://127.0.0.1:1/key"), UnknownKey},
		"kid is a command":            {kid("e;id"), UnknownKey},
		"kid with a zero":             {kid("e\x00"), UnknownKey},
		"kid is empty":                {kid(""), UnknownKey},
		"kid is a list":               {kid([]string{"e"}), Malformed},
		"kid is null":                 {kid(nil), Malformed},
		"kid is long":                 {kid(strings.Repeat("e", maxKid+1)), Malformed},
		"embedded key":                {sign(t, "ES256", k.other, map[string]any{"jwk": embedded, "kid": "e"}, claims), BadSignature},
		"embedded key and no kid":     {sign(t, "ES256", k.other, map[string]any{"jwk": embedded}, claims), BadSignature},
		"address of keys":             {sign(t, "ES256", k.other, map[string]any{"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/", "kid": "e"}, claims), BadSignature},
		"good with what is ignored":   {sign(t, "ES256", k.p256, map[string]any{"jku": "http://127.0.0.1:1/", "jwk": embedded, "x5t": "x", "kid": "e"}, claims), ""},
		"crit":                        {sign(t, "ES256", k.p256, map[string]any{"kid": "e", "crit": []string{"b64"}, "b64": true}, claims), Critical},
		"empty crit":                  {sign(t, "ES256", k.p256, map[string]any{"kid": "e", "crit": []string{}}, claims), Critical},
		"null crit":                   {sign(t, "ES256", k.p256, map[string]any{"kid": "e", "crit": nil}, claims), Critical},
		"expired":                     {sign(t, "ES256", k.p256, nil, with("exp", epoch.Add(-31*time.Second).Unix())), Expired},
		"expired within the leeway":   {sign(t, "ES256", k.p256, nil, with("exp", epoch.Add(-29*time.Second).Unix())), ""},
		"no end":                      {sign(t, "ES256", k.p256, nil, with("exp", nil)), Incomplete},
		"end of zero":                 {sign(t, "ES256", k.p256, nil, with("exp", 0)), Expired},
		"end is text":                 {sign(t, "ES256", k.p256, nil, with("exp", "4102444800")), BadClaim},
		"end is null":                 {signRaw(t, k.p256, `{"alg":"ES256"}`, `{"iss":"me","aud":"you","exp":null}`), BadClaim},
		"end beyond all":              {signRaw(t, k.p256, `{"alg":"ES256"}`, `{"iss":"me","aud":"you","exp":1e300}`), BadClaim},
		"end infinite":                {signRaw(t, k.p256, `{"alg":"ES256"}`, `{"iss":"me","aud":"you","exp":1e999}`), BadClaim},
		"end below zero":              {sign(t, "ES256", k.p256, nil, with("exp", -1)), BadClaim},
		"not yet":                     {sign(t, "ES256", k.p256, nil, with("nbf", epoch.Add(31*time.Second).Unix())), NotYet},
		"not yet, within the leeway":  {sign(t, "ES256", k.p256, nil, with("nbf", epoch.Add(29*time.Second).Unix())), ""},
		"issued in the future":        {sign(t, "ES256", k.p256, nil, with("iat", epoch.Add(31*time.Second).Unix())), NotYet},
		"other issuer":                {sign(t, "ES256", k.p256, nil, with("iss", "me/")), WrongIssuer},
		"no issuer":                   {sign(t, "ES256", k.p256, nil, with("iss", nil)), Incomplete},
		"issuers":                     {sign(t, "ES256", k.p256, nil, with("iss", []string{"me"})), BadClaim},
		"other audience":              {sign(t, "ES256", k.p256, nil, with("aud", "your")), WrongAim},
		"one audience of several":     {sign(t, "ES256", k.p256, nil, with("aud", []string{"them", "us"})), ""},
		"no audience":                 {sign(t, "ES256", k.p256, nil, with("aud", nil)), Incomplete},
		"audience of another type":    {sign(t, "ES256", k.p256, nil, with("aud", map[string]any{"you": true})), Incomplete},
		"one part":                    {parts[0], Malformed},
		"two parts":                   {parts[0] + "." + parts[1], Malformed},
		"four parts":                  {good + ".", Malformed},
		"encrypted, five parts":       {good + "..", Malformed},
		"empty":                       {"", Malformed},
		"dots":                        {"..", Malformed},
		"padded":                      {good + "=", Malformed},
		"with a line break":           {good[:20] + "\n" + good[20:], Malformed},
		"claims are null":             {signRaw(t, k.p256, `{"alg":"ES256"}`, `null`), Incomplete},
		"claims are a list":           {signRaw(t, k.p256, `{"alg":"ES256"}`, `[]`), Malformed},
		"claims are text":             {signRaw(t, k.p256, `{"alg":"ES256"}`, `"x"`), Malformed},
		"more after the claims":       {signRaw(t, k.p256, `{"alg":"ES256"}`, string(payload)+`{}`), Malformed},
		"header is null":              {signRaw(t, k.p256, `null`, string(payload)), Algorithm},
		"deep claims":                 {signRaw(t, k.p256, `{"alg":"ES256"}`, `{"iss":"me","aud":"you","exp":4102444800,"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`), Malformed},
		"deep claims, unsigned":       {b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(strings.Repeat(`{"a":`, 1500)+"1"+strings.Repeat("}", 1500))) + ".", Malformed},
		"brackets in text":            {sign(t, "ES256", k.p256, nil, with("a", strings.Repeat(`[{"\`, 50))), ""},
		"giant":                       {good + strings.Repeat("A", MaxBytes), TooLong},
		"giant of dots":               {strings.Repeat(".", MaxBytes), Malformed},
		"long header":                 {sign(t, "ES256", k.p256, map[string]any{"x": strings.Repeat("x", maxHeader)}, claims), TooLong},
		"signature in another base64": {parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace("__--"+parts[2][4:]), Malformed},
	} {
		t.Run(name, func(t *testing.T) { wantReason(t, v, c.token, c.want) })
	}
}

// A signature has one spelling: in a last character some bits do not count, and are zero.
func TestOneSpelling(t *testing.T) {
	k, now := keyPairs(), newClock()
	v := newVerifier(allRules, NewFixed([]jwk.Key{key("", &k.p256.PublicKey)}), now.now)
	good := sign(t, "ES256", k.p256, nil, with())
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(digits, good[len(good)-1])
	wantReason(t, v, good[:len(good)-1]+string(digits[last|1]), Malformed)
	for _, ignored := range []string{"\n", "\r"} {
		wantReason(t, v, good+ignored, Malformed)
	}
	wantReason(t, v, good, "")
}

// An algorithm that is not listed is refused even though there is a key for it.
func TestAlgorithmsOfTheDocument(t *testing.T) {
	k, now := keyPairs(), newClock()
	rules := allRules
	rules.Algorithms = []string{"ES256"}
	v := newVerifier(rules, NewFixed([]jwk.Key{key("r", &k.rsa.PublicKey), key("e", &k.p256.PublicKey)}), now.now)
	wantReason(t, v, sign(t, "RS256", k.rsa, map[string]any{"kid": "r"}, with()), Algorithm)
	wantReason(t, v, sign(t, "PS256", k.rsa, map[string]any{"kid": "r"}, with()), Algorithm)
	wantReason(t, v, sign(t, "ES256", k.p256, map[string]any{"kid": "e"}, with()), "")
}

// A token without a kid is tried with a few keys, never with many.
func TestKeysWithoutNames(t *testing.T) {
	k, now := keyPairs(), newClock()
	few := []jwk.Key{key("", &k.rsa.PublicKey), key("", &k.other.PublicKey), key("", &k.p256.PublicKey)}
	v := newVerifier(allRules, NewFixed(few), now.now)
	wantReason(t, v, sign(t, "ES256", k.p256, nil, with()), "")
	wantReason(t, v, sign(t, "ES256", k.p256, map[string]any{"kid": "any"}, with()), "")
	bound := key("", &k.rsa.PublicKey)
	bound.Alg = "PS256"
	v = newVerifier(allRules, NewFixed([]jwk.Key{bound}), now.now)
	wantReason(t, v, sign(t, "RS256", k.rsa, nil, with()), UnknownKey)
	wantReason(t, v, sign(t, "PS256", k.rsa, nil, with()), "")
	many := append(slices.Repeat([]jwk.Key{key("a", &k.other.PublicKey)}, maxTries), key("b", &k.p256.PublicKey))
	v = newVerifier(allRules, NewFixed(many), now.now)
	wantReason(t, v, sign(t, "ES256", k.p256, nil, with()), UnknownKey)
	wantReason(t, v, sign(t, "ES256", k.p256, map[string]any{"kid": "b"}, with()), "")
}

// The type is compared as media types are (RFC 7515, 4.1.9).
func TestType(t *testing.T) {
	k, now := keyPairs(), newClock()
	rules := allRules
	rules.Type = "at+jwt"
	v := newVerifier(rules, NewFixed([]jwk.Key{key("", &k.p256.PublicKey)}), now.now)
	for typ, want := range map[any]Reason{"at+jwt": "", "AT+JWT": "", "application/at+jwt": "", "JWT": WrongType, "": WrongType, 7: WrongType, nil: WrongType} {
		wantReason(t, v, sign(t, "ES256", k.p256, map[string]any{"typ": typ}, with()), want)
	}
}

// Without an end that is asked for, one that is there still counts.
func TestEndNotRequired(t *testing.T) {
	k, now := keyPairs(), newClock()
	rules := allRules
	rules.RequireExpiry = false
	v := newVerifier(rules, NewFixed([]jwk.Key{key("", &k.p256.PublicKey)}), now.now)
	wantReason(t, v, sign(t, "ES256", k.p256, nil, with("exp", nil)), "")
	wantReason(t, v, signRaw(t, k.p256, `{"alg":"ES256"}`, `null`), Incomplete)
	wantReason(t, v, sign(t, "ES256", k.p256, nil, with("exp", 0)), Expired)
	wantReason(t, v, sign(t, "ES256", k.p256, nil, with("exp", epoch.Add(-time.Hour).Unix())), Expired)
}

// Every algorithm of the list works.
func TestAlgorithms(t *testing.T) {
	k, now := keyPairs(), newClock()
	v := newVerifier(allRules, NewFixed([]jwk.Key{key("", &k.rsa.PublicKey), key("", &k.p256.PublicKey), key("", &k.p384.PublicKey)}), now.now)
	for _, alg := range jwk.Algorithms() {
		switch alg {
		case "ES512", "EdDSA": // see TestVectors
		case "ES256":
			wantReason(t, v, sign(t, alg, k.p256, nil, with()), "")
		case "ES384":
			wantReason(t, v, sign(t, alg, k.p384, nil, with()), "")
		default:
			wantReason(t, v, sign(t, alg, k.rsa, nil, with()), "")
		}
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	wantReason(t, v, sign(t, "RS256", weak, nil, with()), BadSignature)
}

// No token is valid but those that were signed, and no error says anything of one.
func FuzzVerify(f *testing.F) {
	k, now := keyPairs(), newClock()
	v := newVerifier(allRules, NewFixed([]jwk.Key{key("e", &k.p256.PublicKey)}), now.now)
	good := sign(f, "ES256", k.p256, map[string]any{"kid": "e"}, with())
	f.Add(good)
	f.Add("..")
	f.Add(strings.Split(good, ".")[0] + ".e30.")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := v.Verify(t.Context(), token)
		if err == nil && token != good {
			t.Errorf("%q is taken", token)
		}
		if reason := Reason(""); err != nil && !errors.As(err, &reason) {
			t.Errorf("%q: a %T: %v", token, err, err)
		}
	})
}
