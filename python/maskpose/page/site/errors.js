/** An error whose message is for the page's reader. */
export class PageError extends Error {}
