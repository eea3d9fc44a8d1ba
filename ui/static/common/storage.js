// What this browser remembers of the page's choices. Where it keeps nothing (in another site's frame, with storage
// blocked) they last as long as the page.

function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

class PageStorage {
  kept = new Map();

  getItem(key) {
    return this.kept.get(key) ?? null;
  }

  setItem(key, value) {
    this.kept.set(key, value);
  }

  removeItem(key) {
    this.kept.delete(key);
  }
}

export const memory = browserStorage() ?? new PageStorage();
