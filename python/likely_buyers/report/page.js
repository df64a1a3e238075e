"use strict";
(() => {
  // on a phone a row is a card
  const PAGE_ROWS = matchMedia("(max-width: 52rem)").matches ? 10 : 25;
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");

  // a browser may refuse storage to a page opened from a file
  const stored = (theme) => {
    try {
      if (theme) localStorage.setItem("likely_buyers.theme", theme);
      return localStorage.getItem("likely_buyers.theme");
    } catch {
      return null;
    }
  };
  const chosen = stored();
  if (chosen) root.dataset.theme = chosen;
  const isDark = () => (root.dataset.theme || (prefersDark.matches ? "dark" : "light")) === "dark";

  const themeButton = () => {
    const button = document.getElementById("theme");
    const show = () => button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      stored(root.dataset.theme);
      show();
    });
    prefersDark.addEventListener("change", show);
    button.hidden = false;
    show();
  };

  const list = () => {
    const table = document.getElementById("list");
    if (!table) return;
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const search = document.getElementById("search");
    const category = document.getElementById("category");
    const download = document.getElementById("download");
    const [previous, next, status] = ["previous", "next", "status"].map((id) => document.getElementById(id));
    const [REVENUE, LAST_PURCHASE, CATEGORY, REASONS] = [4, 5, 6, 7];
    const textOf = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const all = [...body.rows].map((row) => ({
      row,
      words: row.textContent.toLowerCase(),
      category: textOf(row, CATEGORY),
    }));
    let ordered = all;
    let found = all;
    let page = 0;

    const show = () => {
      const words = search.value.trim().toLowerCase();
      const wanted = category ? category.value : "";
      found = ordered.filter(
        (entry) => (!wanted || entry.category === wanted) && entry.words.includes(words)
      );
      const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
      page = Math.min(page, pages - 1);
      const shown = found.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
      body.replaceChildren(...shown.map((entry) => entry.row));
      const first = page * PAGE_ROWS;
      const whole = found.length.toLocaleString("en");
      status.textContent = found.length
        ? `${(first + 1).toLocaleString("en")} to ${(first + shown.length).toLocaleString("en")} of ${whole} users`
        : "No user matches.";
      previous.disabled = page === 0;
      next.disabled = page === pages - 1;
      download.textContent = `Download ${whole} ${found.length === 1 ? "user" : "users"} (CSV)`;
      download.disabled = found.length === 0;
    };

    // a spreadsheet would run a text that begins like this, and with an apostrophe it does not
    const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
    const quoted = (text) => (text === "" ? "" : `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`);
    const COLUMNS = [
      "rank", "user_id", "probability", "lift", "expected_revenue", "currency", "days_since_last_purchase",
      "favourite_category", "reason_1", "reason_2", "reason_3", "as_of_date",
    ];
    const line = ({ row }) => {
      const reasons = [...row.cells[REASONS].querySelectorAll("span")].map((reason) => reason.textContent);
      return [
        textOf(row, 0), quoted(textOf(row, 1)), textOf(row, 2), textOf(row, 3), textOf(row, REVENUE),
        quoted(table.dataset.currency), textOf(row, LAST_PURCHASE), quoted(textOf(row, CATEGORY)),
        ...[0, 1, 2].map((place) => quoted(reasons[place] ?? "")), table.dataset.asOf,
      ].join(",");
    };
    download.addEventListener("click", () => {
      // with the mark of UTF-8, without which Excel reads another encoding
      const text = `\ufeff${[COLUMNS.join(","), ...found.map(line)].join("\r\n")}\r\n`;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
      link.download = `likely_buyers_${table.dataset.outcome}_${table.dataset.asOf}.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    });

    // equal values keep the order of the list; what is missing comes last, whatever the direction
    const sort = (column, ascending) => {
      const isNumber = heads[column].dataset.sort === "number";
      const keyed = all.map((entry) => {
        const text = textOf(entry.row, column);
        return { entry, missing: text === "", key: isNumber ? Number(text) : text.toLowerCase() };
      });
      const sign = ascending ? 1 : -1;
      keyed.sort((a, b) => {
        if (a.missing || b.missing) return a.missing - b.missing;
        return sign * (isNumber ? a.key - b.key : a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
      });
      ordered = keyed.map((item) => item.entry);
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
      page = 0;
      show();
    };

    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        sort(column, now ? now === "descending" : head.dataset.first === "ascending");
      });
      head.replaceChildren(button);
    });
    const turn = (by) => () => {
      page += by;
      show();
    };
    previous.addEventListener("click", turn(-1));
    next.addEventListener("click", turn(1));
    const filter = () => {
      page = 0;
      show();
    };
    search.addEventListener("input", filter);
    if (category) category.addEventListener("change", filter);
    const tools = document.getElementById("tools");
    tools.addEventListener("submit", (event) => event.preventDefault());
    tools.hidden = false;
    for (const id of ["pager", "about-download"]) document.getElementById(id).hidden = false;
    show();
  };

  document.addEventListener("DOMContentLoaded", () => {
    themeButton();
    list();
  });
})();
