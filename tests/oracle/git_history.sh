export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
cd ~ && rm -rf repository && git init -q -b main repository && cd repository || exit 1
for i in $(seq 20); do echo "line $i" >> file; mkdir -p "d$((i % 4))"; echo "$i" > "d$((i % 4))/f$i"; git add -A; git commit -qm "commit $i"; done
git log --oneline | head -5
git log --stat -2 --format='%H %s'
git status --short; echo "clean $?"
git checkout -qb topic HEAD~5 && echo topic > file2 && git add . && git commit -qm topic && git merge -q -m merged main && git log --graph --oneline | head -4
git diff HEAD~1 --stat; git fsck 2>&1 | head -3; git gc -q && git count-objects -v | grep -E 'in-pack|packs'
git clone -q . ../clone && diff -r --exclude=.git . ../clone && echo cloned
git blame -s file | head -2; git grep -n 'line 7'
rm -rf ../clone
