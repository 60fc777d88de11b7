#!/usr/bin/env bash
# The page that explains a graph, in headless Chromium, offline: every step lights up the node that is solved, its consumers
# and the terms of its sum, by keys, slider, clicks and play; boxes have whole numbers, and stand beside who reads them.
#   explain_page.sh BUILD; status 77: no Chromium here.
set -euo pipefail

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "no Chromium"; exit 77; }
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# Appends the script on standard input to a page, which writes what it has found into #verdict, and opens it.
look_at() {
    cat >>"$1"
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$directory/profile" \
        --host-resolver-rules='MAP * ~NOTFOUND' --virtual-time-budget=20000 --dump-dom "file://$1" \
        >"$directory/seen" 2>"$directory/said" || { cat "$directory/said"; exit 1; }
    verdict=$(sed -n 's/.*<pre id="verdict">\([^<]*\)<.*/\1/p' "$directory/seen" | tail -1)
    echo "${verdict:-the page said nothing}"
    grep -Eq '^[1-9][0-9]+ checks, 0 wrong\. $' <<<"$verdict"
}
page=$directory/page.html
"$1/retrograd" explain layers --depth 2 --output "$page"

# What a user would do, and what must then be seen. It has the page's own functions at hand, but looks at the document.
look_at "$page" <<'END'
<pre id="verdict"></pre>
<script>
const wrong = [];
let checks = 0;
addEventListener("error", e => wrong.push(e.message));
function must(holds, what) { checks++; if (!holds) wrong.push(what); }
function press(key) { document.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true })); }
function lit(kind) { return [...document.querySelectorAll(`#graph .node.${kind}`)].map(n => Number(n.id.slice(1))).sort((a, b) => a - b); }
function same(a, b) { return a.length === b.length && a.every((x, i) => x === b[i]); }
function unique(list) { return [...new Set(list)].sort((a, b) => a - b); }

/* Is the document as it should be after so many steps? */
function lookAt(steps) {
  const forward = Math.min(steps, S.length), turn = steps - forward;
  const now = steps === 0 ? [] : [turn ? S.findIndex(s => s.turn === turn) : forward - 1];
  const terms = turn ? T.filter(t => t.operand === now[0]) : [];
  must(same(lit("now"), now), `step ${steps}: the node that is solved`);
  must(same(lit("consumer"), unique(terms.map(t => t.consumer))), `step ${steps}: its consumers`);
  must(document.querySelectorAll("#graph path.term").length === terms.length, `step ${steps}: the edges of its terms`);
  must(lit("known").length === forward, `step ${steps}: values so far`);
  must(lit("solved").length === turn, `step ${steps}: entries of the table so far`);
  must([...$("rows").children].filter(r => r.lastChild.textContent !== "").length === turn, `step ${steps}: rows filled`);
  must(Number($("slider").value) === steps, `step ${steps}: the slider`);
  if (turn) {
    const row = $("rows").children[turn - 1], formula = $("formula");
    must(row.classList.contains("now") && row.lastChild.textContent === numbers(S[now[0]].adjoint), `step ${steps}: its row`);
    must(formula.querySelectorAll(".term").length === (turn === 1 ? 0 : terms.length), `step ${steps}: terms of the sum`);
    must(formula.querySelector(".result").textContent === numbers(S[now[0]].adjoint), `step ${steps}: the sum`);
    const sum = terms.reduce((all, t) => all + S[t.consumer].adjoint.few[0] * t.slope, 0);
    must(turn === 1 || Math.abs(sum - S[now[0]].adjoint.few[0]) < 1e-12, `step ${steps}: what it adds up to`);
  }
}
lookAt(0);
for (let i = 1; i <= STEPS; i++) { press("ArrowRight"); lookAt(i); }
press("ArrowRight"); lookAt(STEPS);
press("ArrowLeft"); lookAt(STEPS - 1);
press("Home"); lookAt(0);
press("ArrowLeft"); lookAt(0);
press("End"); lookAt(STEPS);
$("slider").value = 5; $("slider").dispatchEvent(new Event("input")); lookAt(5);
$("next").click(); lookAt(6);
$("back").click(); lookAt(5);
$("n0").dispatchEvent(new MouseEvent("click")); lookAt(S.length + S[0].turn);
$("rows").children[1].click(); lookAt(S.length + 2);
press("p");
must(same(lit("onpath"), unique(E.path)) && E.path.length > 2, "the influential path");
must(document.querySelectorAll("#graph path.onpath").length === E.path.length - 1, "its edges");
press("p");
must(lit("onpath").length === 0, "the path goes again");
const look = document.documentElement.dataset.look;
press("d");
must(document.documentElement.dataset.look !== look, "light and dark");
must(document.querySelectorAll("script[src], link, img, iframe").length === 0, "nothing from outside");
press("Home"); press(" ");
must($("play").textContent.includes("pause"), "play becomes pause");
setTimeout(() => {
  must(step > 2 && step < STEPS, `play goes on by itself: ${step}`);
  press(" ");
  const at = step;
  setTimeout(() => {
    must(step === at, "pause stops it");
    $("verdict").textContent = `${checks} checks, ${wrong.length} wrong. ${wrong.join("; ")}`;
  }, 3000);
}, 4000);
</script>
END

# A network: its weights beside the layers, not all at the top with long edges down; and in a box no number is cut in two.
"$1/retrograd" train --layers 4,4,4 --steps 1 --progress none --save "$directory/network.safetensors" >"$directory/said"
"$1/retrograd" explain "$directory/network.safetensors" --output "$directory/network.html"
look_at "$directory/network.html" <<'END'
<pre id="verdict"></pre>
<script>
const wrong = [];
let checks = 0;
function must(holds, what) { checks++; if (!holds) wrong.push(what); }
go(STEPS);
const top_of = i => Number($("n" + i).getAttribute("transform").match(/ ([0-9.]+)\)/)[1]);
S.forEach((s, i) => {
  const users = S.map((other, j) => j).filter(j => S[j].operands.includes(i));
  if (users.length) must(Math.min(...users.map(top_of)) - top_of(i) === LAYER, `${s.label} stands right above who reads it`);
  const whole = s.value.few ? s.value.few.map(number) : [];
  $("n" + i).querySelector(".value").textContent.replace(/^v \[?/, "").replace(/(, …)?\]?$/, "").split(", ").forEach((text, k) =>
    must(!s.value.few || text === whole[k], `${s.label} has whole numbers, not ${text}`));
  const box = $("n" + i).querySelector("rect").getBoundingClientRect();
  $("n" + i).querySelectorAll("text").forEach(text =>
    must(text.getBoundingClientRect().right <= box.right, `${s.label}: its text is within its box`));
});
$("verdict").textContent = `${checks} checks, ${wrong.length} wrong. ${wrong.join("; ")}`;
</script>
END

# Where an operand is read twice by the same consumer, the path goes along one of the two edges.
"$1/retrograd" explain doubling --depth 12 --output "$directory/doubling.html"
look_at "$directory/doubling.html" <<'END'
<pre id="verdict"></pre>
<script>
const wrong = [];
togglePath();
E.path.slice(1).forEach(i => {
  const marked = document.querySelectorAll(`#graph path.onpath[id^="e${i}-"]`).length;
  if (marked !== 1) wrong.push(`${marked} edges to ${S[i].label}`);
});
$("verdict").textContent = `${E.path.length - 1} checks, ${wrong.length} wrong. ${wrong.join("; ")}`;
</script>
END
