// A picture of one page, as a file: SERVER_URL, TOKEN (of a session), ADDRESS and PICTURE in the environment.
"use strict";

const path = require("node:path");
const { chromium } = require(path.join(__dirname, "../../build/browser/node_modules/playwright-core"));

const { SERVER_URL, TOKEN, ADDRESS, PICTURE } = process.env;

(async () => {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1200, height: 1040 }, colorScheme: "light" });
  await page.context().addCookies([{ name: "commerce_session", value: TOKEN, url: SERVER_URL }]);
  await page.goto(SERVER_URL + ADDRESS, { waitUntil: "networkidle" });
  await page.evaluate("document.documentElement.style.scrollbarGutter = \"auto\"");
  await page.screenshot({ path: PICTURE });
  await browser.close();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
