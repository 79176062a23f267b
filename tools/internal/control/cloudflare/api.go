package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// maxAnswer is how much of an answer is read: more than a page of pools has.
const maxAnswer = 8 << 20

// api is Cloudflare's API, as far as pools and load balancers go.
type api struct {
	client        *http.Client
	base, account string
	token         string
}

// refusal is an answer that is no success: {"success": false, "errors": [{"code", "message"}]}. Source: "Pool Health Details" and all
// others of developers.cloudflare.com/api/resources/load_balancers/subresources/pools, Returns.
type refusal struct {
	status   int
	problems []problem
}

type problem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("%d %s", r.status, http.StatusText(r.status))
	for _, p := range r.problems {
		text += fmt.Sprintf(": %s (code %d)", p.Message, p.Code)
	}
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		text += "; the token wants the permissions Account: Load Balancing: Monitors and Pools Write and Zone: Load Balancers Write (Read is enough to look)"
	}
	return text
}

// pools are all pools of the account, whoever's they are. The reference tells of no pages here, but of "the standard pagination query
// parameters" at "Patch Pools" (developers.cloudflare.com/api/resources/load_balancers/subresources/pools/methods/bulk_edit): where an
// answer says that there are more of them, they are asked for.
func (a api) pools(ctx context.Context) ([]pool, error) {
	var out []pool
	for page := 1; ; page++ {
		query := ""
		if page > 1 {
			query = "?page=" + strconv.Itoa(page)
		}
		var got []pool
		pages, err := a.ask(ctx, http.MethodGet, a.poolsPath()+query, nil, &got)
		if err != nil {
			return nil, fmt.Errorf("ask Cloudflare for the pools of the account %s: %w", a.account, err)
		}
		if out = append(out, got...); page >= pages {
			return out, nil
		}
	}
}

// health is what the data centres say of a pool's origins. Source: "Pool Health Details",
// developers.cloudflare.com/api/resources/load_balancers/subresources/pools/subresources/health/methods/get.
func (a api) health(ctx context.Context, id string) (health, error) {
	var got health
	_, err := a.ask(ctx, http.MethodGet, a.poolsPath()+"/"+url.PathEscape(id)+"/health", nil, &got)
	return got, err
}

// patch changes what it names of a pool, "overwriting the supplied properties". Source: "Patch Pool",
// developers.cloudflare.com/api/resources/load_balancers/subresources/pools/methods/edit.
func (a api) patch(ctx context.Context, id string, c change) error {
	_, err := a.ask(ctx, http.MethodPatch, a.poolsPath()+"/"+url.PathEscape(id), c, nil)
	return err
}

func (a api) poolsPath() string {
	return "/accounts/" + url.PathEscape(a.account) + "/load_balancers/pools"
}

// ask reads the result of a call, and how many pages of it there are.
func (a api) ask(ctx context.Context, method, path string, question, into any) (pages int, err error) {
	var body io.Reader
	if question != nil {
		b, err := json.Marshal(question)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, err
	}
	var doc struct {
		Success bool            `json:"success"`
		Errors  []problem       `json:"errors"`
		Result  json.RawMessage `json:"result"`
		Info    struct {
			Pages int `json:"total_pages"`
		} `json:"result_info"`
	}
	err = json.Unmarshal(b, &doc)
	switch {
	case res.StatusCode != http.StatusOK, err == nil && !doc.Success:
		return 0, &refusal{res.StatusCode, doc.Errors} // an answer of something in between may be no JSON at all
	case err != nil:
		return 0, fmt.Errorf("the answer to %s %s is no document of Cloudflare's: %w", method, req.URL.Path, err)
	case into == nil:
		return doc.Info.Pages, nil
	}
	if err := json.Unmarshal(doc.Result, into); err != nil {
		return 0, fmt.Errorf("the answer to %s %s is not as Cloudflare documents it: %w", method, req.URL.Path, err)
	}
	return doc.Info.Pages, nil
}
